"""The log of batches within one process, with the contract of the one in Redis."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from history.batch import BarBatch, TradePosition
from history.ports import LoggedBatch
from history.redis_limits import LEASE, LOG_LENGTH
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol


class MemoryBarLog:
    """A `BarLog` for processes that share one object of it. Persists nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: dict[Source, tuple[str, datetime]] = {}
        self._positions: dict[Source, dict[Symbol, TradePosition]] = {}
        self._logs: dict[Source, deque[tuple[int, BarBatch]]] = {}
        self._entries = 0

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
        self._entries += 1
        self._logs.setdefault(batch.source, deque(maxlen=LOG_LENGTH)).append((self._entries, batch))
        self._positions.setdefault(batch.source, {}).update({one.symbol: one for one in positions})
        return True

    async def read_positions(self, source: Source) -> list[TradePosition]:
        return list(self._positions.get(source, {}).values())

    async def read(self, source: Source, after: str, limit: int) -> list[LoggedBatch]:
        start = int(after or 0)
        found = [(entry, batch) for entry, batch in self._logs.get(source, ()) if entry > start]
        return [LoggedBatch(str(entry), batch) for entry, batch in found[:limit]]
