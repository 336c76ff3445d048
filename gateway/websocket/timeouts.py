"""Many who each wait equally long: one timer for all of them. Ten thousand connections would have as many otherwise."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile
from math import inf
from typing import Generic, TypeVar

# Those due within so much of the wait ring together, a little late.
STEP = 0.02
MAX_STEP_S = 0.1
# Timers may go off that much early.
EARLY_S = 0.001

WaiterT = TypeVar("WaiterT")


class SharedTimeouts(Generic[WaiterT]):
    """Calls `ring` with whoever has waited for `wait_s` seconds (`inf`: never); it waits no more then."""

    def __init__(self, wait_s: float, ring: Callable[[WaiterT], None]) -> None:
        self._wait_s = wait_s
        self._step_s = min(MAX_STEP_S, wait_s * STEP)
        self._ring = ring
        # Who began to wait first comes first, because all wait equally long.
        self._waiters: OrderedDict[WaiterT, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiters)

    def __contains__(self, waiter: WaiterT) -> bool:
        return waiter in self._waiters

    def begin(self, waiter: WaiterT) -> None:
        """Wait from now on, though it waited already."""
        if self._wait_s == inf:
            return
        loop = asyncio.get_running_loop()
        self._waiters[waiter] = at = loop.time() + self._wait_s
        self._waiters.move_to_end(waiter)
        if self._timer is None:
            self._timer = loop.call_at(at, self._go)

    def end(self, waiter: WaiterT) -> bool:
        """Wait no more. Says whether it did."""
        waited = self._waiters.pop(waiter, None) is not None
        if not self._waiters and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return waited

    def _go(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time() + EARLY_S
        due = list(takewhile(lambda waiter: self._waiters[waiter] <= now, self._waiters))
        try:
            for waiter in due:
                # One that rang before may have ended it, or begun anew.
                if self._waiters.get(waiter, inf) <= now:
                    del self._waiters[waiter]
                    self._ring(waiter)
        finally:
            if self._waiters and self._timer is None:
                first = next(iter(self._waiters.values()))
                self._timer = loop.call_at(max(first, now + self._step_s), self._go)
