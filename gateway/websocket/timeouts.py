"""One timer for many waits of equal length, instead of one timer per connection."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile
from math import inf
from typing import Generic, TypeVar

# Waits that end within this share of their length of each other time out together, slightly late.
STEP = 0.02
MAX_STEP_S = 0.1
# Timers may fire early by this much.
EARLY_S = 0.001

WaiterT = TypeVar("WaiterT")


class SharedTimeouts(Generic[WaiterT]):
    """Calls `on_timeout` with a waiter `wait_s` seconds (`inf`: never) after its start, once."""

    def __init__(self, wait_s: float, on_timeout: Callable[[WaiterT], None]) -> None:
        self._wait_s = wait_s
        self._step_s = min(MAX_STEP_S, wait_s * STEP)
        self._on_timeout = on_timeout
        # In the order of their deadlines, because all wait equally long.
        self._deadlines: OrderedDict[WaiterT, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._deadlines)

    def __contains__(self, waiter: WaiterT) -> bool:
        return waiter in self._deadlines

    def start(self, waiter: WaiterT) -> None:
        """Start or restart the wait of `waiter`."""
        if self._wait_s == inf:
            return
        loop = asyncio.get_running_loop()
        self._deadlines[waiter] = at = loop.time() + self._wait_s
        self._deadlines.move_to_end(waiter)
        if self._timer is None:
            self._timer = loop.call_at(at, self._on_timer)

    def cancel(self, waiter: WaiterT) -> bool:
        """Cancel the wait of `waiter`. Return whether there was one."""
        was_waiting = self._deadlines.pop(waiter, None) is not None
        if not self._deadlines and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return was_waiting

    def _on_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time() + EARLY_S
        due = list(takewhile(lambda waiter: self._deadlines[waiter] <= now, self._deadlines))
        try:
            for waiter in due:
                # The callback of an earlier one may have cancelled or restarted it.
                if self._deadlines.get(waiter, inf) <= now:
                    del self._deadlines[waiter]
                    self._on_timeout(waiter)
        finally:
            if self._deadlines and self._timer is None:
                first = next(iter(self._deadlines.values()))
                self._timer = loop.call_at(max(first, now + self._step_s), self._on_timer)
