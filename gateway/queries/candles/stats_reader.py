"""Answers queries for the statistics of a window, from the same minutes as candles."""

from datetime import datetime, timedelta

from gateway.cache_limits import MAX_WINDOW_STATS
from gateway.lru import BoundedLru
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.stats import StatsQuery, WindowStats, check_stats, compute_stats, list_steps
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.candles.stored_candles import StoredCandles
from history.candle_parts import fold_spans
from history.interval import Interval
from rates.clock import Clock

# The window moves each minute, and its last minutes are proved some seconds after their end.
STATS_LAST = timedelta(seconds=1)


class StatsReader:
    """Reads statistics. `storage` is `None` in a gateway without a history."""

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
        self._known: BoundedLru[StatsQuery, tuple[WindowStats, datetime]] = BoundedLru(size=MAX_WINDOW_STATS)

    async def read(self, query: StatsQuery) -> WindowStats:
        """Return the answer. Equal queries at once are read once.

        Raises:
            InvalidArgument: the window is out of range.
            UnknownSymbol: no source tracks the symbol, and none has a history of it.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        check_stats(query)
        if (found := self._find(query)) is not None:
            return found
        return await self._reads.run(query, lambda: self._find(query), lambda: self._read(query))

    def _find(self, query: StatsQuery) -> WindowStats | None:
        known = self._known.get(query)
        return known[0] if known is not None and self._clock() < known[1] else None

    async def _read(self, query: StatsQuery) -> WindowStats:
        now = self._clock()
        key, series = await self._index.find(query.symbol, query.source)
        steps = list_steps(query.window, now)
        if self._storage is None or series is None:
            candles = list(fold_spans(Interval.M1, steps, (), as_of=now, simulated=self._simulated))
        else:
            stored = StoredCandles(self._storage, series, key.source, now, simulated=self._simulated)
            candles = await stored.read_steps(steps)
        found = compute_stats(key, candles, as_of=now, simulated=self._simulated)
        self._known.put(query, (found, self._clock() + STATS_LAST))
        return found
