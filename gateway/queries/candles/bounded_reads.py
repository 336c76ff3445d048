"""Bounds of the reads of the history: few at once, none for long, equal ones once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog

from rates.clock import Clock
from rates.errors import DatabaseUnavailable, HistoryUnavailable

# Reads of the database at once, of the fifteen connections of a process. Others wait.
MAX_READS = 4
# After a failure, for so long everybody gets the same error.
FAILURE_LASTS = timedelta(seconds=1)

ResultT = TypeVar("ResultT")
log = structlog.get_logger("ratewire.gateway.history")


class BoundedReads:
    """Runs reads of the database of the history, which others need too."""

    def __init__(self, clock: Clock, *, timeout_s: float) -> None:
        self._clock, self._timeout_s = clock, timeout_s
        self._running: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._free = asyncio.Semaphore(MAX_READS)
        self._failed: tuple[datetime, str] | None = None

    async def run(
        self, key: Hashable, find: Callable[[], ResultT | None], read: Callable[[], Awaitable[ResultT]]
    ) -> ResultT:
        """Return what `find` has in memory at the turn of this key, else what `read` returns.

        Raises:
            HistoryUnavailable: it failed, took too long, or one before it did just now.
        """
        lock = self._running.setdefault(key, asyncio.Lock())
        async with self._in_time(), lock:
            if (found := find()) is not None:
                return found
            async with self._free:
                return await read()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        if self._failed is not None and timedelta() <= self._clock() - self._failed[0] < FAILURE_LASTS:
            raise HistoryUnavailable(self._failed[1])
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (DatabaseUnavailable, TimeoutError) as exc:
            # What the driver says names hosts, and is for the log.
            message = f"the history could not be read within {self._timeout_s:g} s: try again later"
            if isinstance(exc, DatabaseUnavailable):
                message = "the database of the history does not answer: try again later"
            self._failed = self._clock(), message
            log.warning("history not read", error=str(exc) or type(exc).__name__)
            raise HistoryUnavailable(message) from exc
        self._failed = None
