"""A budget of CPU time for one kind of work in each turn of the event loop.

Work beyond the budget waits, first come, first served, so that what many clients ask for at once becomes many short turns.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

# Of one kind of work. At least one piece runs in each turn, however long it takes.
TURN_S = 0.005

T = TypeVar("T")


class TurnBudget:
    """Runs work while the turn has time left for it, the rest in later turns.

    One that `rests` leaves the loop to others for as long as a turn took that exceeded the budget.
    """

    def __init__(
        self,
        turn_s: float = TURN_S,
        *,
        rests: bool = False,
        cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._turn_s = turn_s
        self._rests = rests
        self._is_resting = False
        self._cpu_s = cpu_s
        self._spent_s = 0.0
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_scheduled = False

    @property
    def waiting(self) -> int:
        """The pieces of work that wait."""
        return len(self._waiting)

    @property
    def has_time(self) -> bool:
        """Whether work may run now: this turn has time left, and nothing waits."""
        return not self._waiting and self._spent_s < self._turn_s

    def run_now(self, work: Callable[[], T]) -> T:
        """Call `work` and measure its CPU time. For callers that `has_time` or `enqueue` has let in."""
        began = self._cpu_s()
        try:
            return work()
        finally:
            self._spend(self._cpu_s() - began)

    def enqueue(self, start: Callable[[], None]) -> None:
        """Call `start` in its turn."""
        self._waiting.append(start)
        self._schedule()

    async def run(self, work: Callable[[], T]) -> T:
        """Call `work` in its turn, and return or raise what it does. Its CPU time is measured."""
        if self.has_time:
            return self.run_now(work)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def start() -> None:
            if done.cancelled():
                return
            try:
                result = self.run_now(work)
            except Exception as exc:  # noqa: BLE001 - the caller gets it
                done.set_exception(exc)
            else:
                done.set_result(result)

        self.enqueue(start)
        return await done

    async def reserve(self, cost_s: float) -> None:
        """Return when work of about `cost_s` seconds of CPU time may begin."""
        if self.has_time:
            self._spend(cost_s)
            return
        reserved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def start() -> None:
            if not reserved.cancelled():
                self._spend(cost_s)
                reserved.set_result(None)

        self.enqueue(start)
        await reserved

    def _spend(self, seconds: float) -> None:
        self._spent_s += seconds
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._is_resting = self._rests and not self._is_resting and self._spent_s > self._turn_s
        if self._is_resting:
            asyncio.get_running_loop().call_later(self._spent_s, self._on_turn)
            return
        self._is_scheduled = False
        self._spent_s = 0.0
        while self._waiting and self._spent_s < self._turn_s:
            self._waiting.popleft()()
        if self._waiting:
            self._schedule()
