"""The log of batches within one process, with the contract of the one in Redis."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from history.batch import BarBatch, TradePosition
from history.ports import BarMessage, LogEntry, LogTail
from history.redis_limits import LEASE, MEMORY_LOG_LENGTH, TAIL_LENGTH
from rates.clock import EPOCH, Clock
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol

_MILLISECOND = timedelta(milliseconds=1)
# A subscriber with more pending batches must reload.
SUBSCRIBER_BATCHES = 1_024


class _SourceLog:
    """The newest batches of one source. `start`: a number above those of an earlier process."""

    def __init__(self, length: int, start: int) -> None:
        self._batches: deque[BarBatch] = deque(maxlen=length)
        self._last = start

    def append(self, batch: BarBatch) -> None:
        # Forming bars are for viewers, as in Redis.
        self._batches.append(msgspec.structs.replace(batch, forming=()) if batch.forming else batch)
        self._last += 1

    def tail(self, limit: int) -> tuple[BarBatch, ...]:
        """Return the newest batches, in order."""
        return tuple(self._batches)[-limit:]

    def read(self, after: int, limit: int) -> list[LogEntry]:
        """Return the oldest batches after a number.

        Readers are near the end, where a deque is fast.
        """
        before = self._last - len(self._batches)
        # A number that was not given here is of an earlier process.
        start = max(after, before) if after <= self._last else before
        numbers = range(start + 1, min(start + limit, self._last) + 1)
        return [LogEntry(str(number), self._batches[number - before - 1]) for number in numbers]


class MemoryBarLog:
    """A `BarLog` and `BarFeed` for parts that share one object of it. Persists nothing.

    `length`: batches of each source that are kept.
    """

    def __init__(self, clock: Clock, *, length: int = MEMORY_LOG_LENGTH) -> None:
        self._clock, self._length = clock, length
        self._leases: dict[Source, tuple[str, datetime]] = {}
        self._positions: dict[Source, dict[Symbol, TradePosition]] = {}
        self._logs: dict[Source, _SourceLog] = {}
        self._subscribers: set[asyncio.Queue[BarBatch | None]] = set()

    async def claim(self, source: Source, session: str) -> bool:
        holder, until = self._leases.get(source, (session, self._clock()))
        if holder != session and until > self._clock():
            return False
        self._leases[source] = session, self._clock() + LEASE
        return True

    async def write(self, batch: BarBatch, positions: Sequence[TradePosition]) -> bool:
        holder, until = self._leases.get(batch.source, ("", self._clock() - timedelta(days=1)))
        if holder != batch.session or until <= self._clock():
            return False
        await self.claim(batch.source, batch.session)
        if batch.source not in self._logs:
            self._logs[batch.source] = _SourceLog(self._length, (self._clock() - EPOCH) // _MILLISECOND)
        self._logs[batch.source].append(batch)
        self._positions.setdefault(batch.source, {}).update({one.symbol: one for one in positions})
        self._publish(batch)
        return True

    async def read_positions(self, source: Source) -> list[TradePosition]:
        return list(self._positions.get(source, {}).values())

    async def read(self, source: Source, after: str, limit: int) -> list[LogEntry]:
        log = self._logs.get(source)
        return [] if log is None else log.read(int(after or 0), limit)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[BarMessage]]:
        queue: asyncio.Queue[BarBatch | None] = asyncio.Queue(SUBSCRIBER_BATCHES + 1)
        self._subscribers.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._subscribers.discard(queue)

    async def read_tail(self, source: Source) -> LogTail:
        log = self._logs.get(source)
        return LogTail(source, () if log is None else log.tail(TAIL_LENGTH))

    def _publish(self, batch: BarBatch) -> None:
        for queue in list(self._subscribers):
            if queue.qsize() < SUBSCRIBER_BATCHES:
                queue.put_nowait(batch)
            else:
                self._subscribers.discard(queue)
                queue.put_nowait(None)


async def _drain(queue: asyncio.Queue[BarBatch | None]) -> AsyncIterator[BarMessage]:
    while (batch := await queue.get()) is not None:
        yield batch
    raise CacheUnavailable(f"the subscriber fell {SUBSCRIBER_BATCHES} batches behind")
