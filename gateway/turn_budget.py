"""A budget of CPU time for one kind of work in each turn of the event loop.

Work beyond the budget waits, so that what many clients ask for at once becomes many short turns. Clients take turns, by the time
that their work takes (deficit round robin); the work of one client is done first come, first served.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

# Of one kind of work. At least one piece runs in each turn, however long it takes.
TURN_S = 0.002
# Calls of one piece, of work that consists of many short ones: some 0.1 ms.
CALLS_AT_ONCE = 16

T = TypeVar("T")


class _Waiting:
    """The work of one client that waits, and the time that it has had beyond its share."""

    __slots__ = ("debt_s", "starts")

    def __init__(self) -> None:
        self.starts: deque[Callable[[], object]] = deque()
        self.debt_s = 0.0


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
        self._waiting: OrderedDict[object, _Waiting] = OrderedDict()
        self._is_scheduled = False

    @property
    def waiting(self) -> int:
        """The pieces of work that wait."""
        return sum(len(each.starts) for each in self._waiting.values())

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

    def enqueue(self, start: Callable[[], object], client: object = None) -> None:
        """Call `start` in the turn of `client`."""
        waiting = self._waiting.get(client)
        if waiting is None:
            waiting = self._waiting[client] = _Waiting()
        waiting.starts.append(start)
        self._schedule()

    async def run(self, work: Callable[[], T], client: object = None) -> T:
        """Call `work` in the turn of `client`, and return or raise what it does.

        Its CPU time is measured.
        """
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

        self.enqueue(start, client)
        return await done

    def run_all(self, calls: Iterable[Callable[[], object]], client: object = None) -> None:
        """Make all calls in order, as many in each turn as it has time for.

        None may raise.
        """
        left = deque(calls)
        while left and self.has_time:
            self._run_some(left)
        if left:
            self.enqueue(partial(self._run_rest, left, client), client)

    async def reserve(self, cost_s: float, client: object = None) -> None:
        """Return when work of about `cost_s` seconds of CPU time may begin."""
        if self.has_time:
            self._spend(cost_s)
            return
        reserved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def start() -> None:
            if not reserved.cancelled():
                self._spend(cost_s)
                reserved.set_result(None)

        self.enqueue(start, client)
        await reserved

    def _run_some(self, left: deque[Callable[[], object]]) -> None:
        def run() -> None:
            for _ in range(min(CALLS_AT_ONCE, len(left))):
                left.popleft()()

        self.run_now(run)

    def _run_rest(self, left: deque[Callable[[], object]], client: object) -> None:
        self._run_some(left)
        if left:
            self.enqueue(partial(self._run_rest, left, client), client)

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
            self._start_next()
        if self._waiting:
            self._schedule()

    def _start_next(self) -> None:
        """Start work of the client whose turn it is, unless it has had more than its share."""
        client, waiting = next(iter(self._waiting.items()))
        if waiting.debt_s >= self._turn_s:
            waiting.debt_s -= self._turn_s
            self._waiting.move_to_end(client)
            return
        before_s = self._spent_s
        start = waiting.starts.popleft()
        if waiting.starts:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        start()
        waiting.debt_s += self._spent_s - before_s
