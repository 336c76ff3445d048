"""Reads the stored parts of candles that are kept up to date."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.recent_parts import StoredTail
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.candles.stored_candles import StoredCandles, StoredParts
from history.coverage import CoveredSpan
from history.interval import Interval, TimeSpan
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


class SeriesParts(NamedTuple):
    """Stored parts of some spans of a series.

    `spans`: proved times, for candles of a second only.
    """

    parts: StoredParts
    spans: Sequence[CoveredSpan] = ()


class CandlePartsReader:
    """Reads stored parts. `storage` is `None` in a gateway without a history.

    All methods raise `HistoryUnavailable` if it cannot be read in time.
    """

    def __init__(
        self,
        storage: CandleStorage | None,
        index: SeriesIndex,
        reads: BoundedReads,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._storage, self._index, self._reads = storage, index, reads
        self._simulated, self._clock = simulated, clock

    @property
    def exists(self) -> bool:
        """Whether this gateway has a history."""
        return self._storage is not None

    async def find(self, symbol: Symbol, source: Source | None) -> TickerKey:
        """Return the first instrument by preference.

        Raises:
            UnknownSymbol: no source tracks the symbol, and none has a history of it.
        """
        key = "find", symbol, source
        found = await self._reads.run(key, lambda: None, lambda: self._index.find(symbol, source))
        return found[0]

    async def read(self, key: TickerKey, interval: Interval, spans: Sequence[TimeSpan]) -> SeriesParts:
        """Return what is stored of some spans."""
        asked = "parts", key, interval, spans[0].start
        return await self._reads.run(asked, lambda: None, lambda: self._read(key, interval, spans))

    async def has_gap(self, key: TickerKey, window: TimeSpan) -> bool:
        """Return whether trades of a time may be missing."""
        return await self._reads.run(("gaps", key, window), lambda: None, lambda: self._has_gap(key, window))

    async def _read(self, key: TickerKey, interval: Interval, spans: Sequence[TimeSpan]) -> SeriesParts:
        window = TimeSpan(spans[0].start, spans[-1].end)
        stored = await self._open(key, self._clock())
        if stored is None:
            return SeriesParts(StoredParts((), StoredTail((), (), window)))
        if interval is Interval.S1:
            seconds = await stored.read_seconds(window)
            return SeriesParts(
                StoredParts((), StoredTail((), seconds, window)), await stored.read_proved(window)
            )
        return SeriesParts(await stored.read_stored(spans))

    async def _has_gap(self, key: TickerKey, window: TimeSpan) -> bool:
        stored = await self._open(key, window.end)
        if stored is None:
            return True
        found = await stored.read_gaps(window)
        return bool(found.gaps) or found.has_more

    async def _open(self, key: TickerKey, as_of: datetime) -> StoredCandles | None:
        _, series = await self._index.find(key.symbol, key.source)
        if self._storage is None or series is None:
            return None
        return StoredCandles(self._storage, series, key.source, as_of, simulated=self._simulated)
