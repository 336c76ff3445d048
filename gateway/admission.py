"""Admission of new subscriptions at the rate that the core carries beside its events.

Each turn of the event loop spends at most `TURN_S` of CPU time on them, and one at least: a busy loop has longer turns, so it admits
fewer. The others wait their turn, first come, first served.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

# What an event may have to wait for newcomers, besides one of them. With 2 ms, 1,000 resumes a second on a busy machine tripled the p99
# of the events of 10,000 others.
TURN_S = 0.0005
# Of a stream over HTTP, whose first event is computed later: measured, 0.4 to 0.8 ms.
STREAM_S = 0.0006


class TooManyJoins(Exception):
    """The gateway has no room for a new subscription: it has waited too long, or too many wait."""


class _Callbacks(NamedTuple):
    start: Callable[[], None]
    refuse: Callable[[], None]
    deadline: float


class WaitingJoin:
    """A subscription that waits to be started."""

    __slots__ = ("_cancel",)

    def __init__(self, cancel: Callable[["WaitingJoin"], None]) -> None:
        self._cancel = cancel

    def cancel(self) -> None:
        """Leave the queue."""
        self._cancel(self)


class Admission:
    """Starts subscriptions, at once or in their turn.

    It refuses those that have waited for `wait_s`, and those beyond `max_waiting`.
    """

    def __init__(
        self,
        *,
        max_waiting: int,
        wait_s: float,
        now_s: Callable[[], float] = time.monotonic,
        cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._max_waiting = max_waiting
        self._wait_s = wait_s
        self._now_s = now_s
        self._cpu_s = cpu_s
        self._queue: OrderedDict[WaitingJoin, _Callbacks] = OrderedDict()
        self._spent_s = 0.0
        self._is_scheduled = False
        self.admitted = 0
        self.refused = 0

    @property
    def waiting(self) -> int:
        """Subscriptions in the queue."""
        return len(self._queue)

    def enter(self, start: Callable[[], None], refuse: Callable[[], None]) -> WaitingJoin | None:
        """Call `start` if there is room, or `refuse` if the queue is full.

        If there is neither, return the place in the queue: one of the two is called later, `refuse` if the wait is too long.
        Neither may raise.
        """
        if not self._queue and self._spent_s < TURN_S:
            self._start(start)
        elif len(self._queue) >= self._max_waiting:
            self._refuse(refuse)
        else:
            join = WaitingJoin(self._leave)
            self._queue[join] = _Callbacks(start, refuse, self._now_s() + self._wait_s)
            self._schedule()
            return join
        return None

    async def wait(self) -> None:
        """Wait until a stream may start.

        Raises:
            TooManyJoins: it may not.
        """
        turn = asyncio.get_running_loop().create_future()

        def start() -> None:
            self._spent_s += STREAM_S
            turn.set_result(None)

        join = self.enter(start, lambda: turn.set_exception(TooManyJoins))
        try:
            await turn
        finally:
            if join is not None:
                join.cancel()

    def _start(self, start: Callable[[], None]) -> None:
        self.admitted += 1
        self._measure(start)

    def _refuse(self, refuse: Callable[[], None]) -> None:
        self.refused += 1
        self._measure(refuse)

    def _measure(self, callback: Callable[[], None]) -> None:
        began = self._cpu_s()
        callback()
        self._spent_s += self._cpu_s() - began
        self._schedule()

    def _leave(self, join: WaitingJoin) -> None:
        self._queue.pop(join, None)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._is_scheduled = False
        self._spent_s = 0.0
        now_s = self._now_s()
        while self._queue:
            _, (start, refuse, deadline) = self._queue.popitem(last=False)
            if deadline > now_s:
                self._start(start)
            else:
                self._refuse(refuse)
            if self._spent_s >= TURN_S:
                break
