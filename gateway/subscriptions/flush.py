"""Flush cycles: cohorts with new data are flushed together and share encoded payloads."""

import asyncio
from datetime import datetime
from typing import Any
from typing import Protocol as Role

from rates.clock import Clock


class FlushCycle:
    """The state shared by all cohorts flushed together: the time and computed payloads."""

    __slots__ = ("cursor", "loop_time", "now", "number", "payloads")

    def __init__(self, number: int, clock: Clock) -> None:
        self.number = number
        self.loop_time = asyncio.get_running_loop().time()
        """Seconds on the loop's clock."""
        self.now: datetime = clock()
        self.cursor: str | None = None
        """The cursor of everything mirrored, computed by the first cohort that needs it."""
        self.payloads: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        """Encoded payloads, each beside the objects whose ids are in its key: they keep the ids valid."""


class Flushable(Role):
    """A cohort that may have something to send."""

    def flush(self, cycle: FlushCycle) -> None:
        """Send what is due."""
        ...


class FlushScheduler:
    """Starts a cycle as soon as the present message has been applied completely."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._dirty: list[Flushable] = []
        self._number = 0

    def new_cycle(self) -> FlushCycle:
        """A cycle that starts now."""
        self._number += 1
        return FlushCycle(self._number, self._clock)

    def schedule(self, cohort: Flushable) -> None:
        """Flush `cohort` in the next cycle."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush_all)
        self._dirty.append(cohort)

    def _flush_all(self) -> None:
        dirty, self._dirty = self._dirty, []
        cycle = self.new_cycle()
        for cohort in dirty:
            cohort.flush(cycle)
