"""Answers queries for candles from the stored history, and keeps recent answers in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.cache_limits import CANDLE_BYTES, MAX_CANDLE_BYTES, MAX_CANDLE_LISTS
from gateway.lru import BoundedLru
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.candle_list import CandleList, CandleSeries, SeriesCandle
from gateway.queries.candles.page import PageSpans, list_spans
from gateway.queries.candles.query import CandlesQuery, check_candles, format_candle_cursor
from gateway.queries.candles.recent_parts import view_recent
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.candles.stored_candles import Gaps, StoredCandles
from gateway.state.bar_mirror import BarMirror
from history.candle import Candle
from history.coverage import WHOLE
from history.time_zone import parse_zone
from rates.clock import Clock

# Before that a recorder that is late may store a minute, and a late trade may correct it.
SETTLED_AFTER = timedelta(minutes=15)
# For how long answers are cached: those with a candle that may change, and others.
CHANGING, SETTLED = timedelta(milliseconds=250), timedelta(hours=1)


class _CachedList(NamedTuple):
    """A list that is answered until a time."""

    value: CandleList
    until: datetime


class CandlesReader:
    """Reads candles. `storage` is `None` in a gateway without a history.

    `bars`: what is not stored yet.
    """

    def __init__(
        self,
        storage: CandleStorage | None,
        index: SeriesIndex,
        reads: BoundedReads,
        *,
        simulated: bool,
        clock: Clock,
        bars: BarMirror | None = None,
    ) -> None:
        self._storage, self._index, self._reads, self._bars = storage, index, reads, bars
        self._simulated, self._clock = simulated, clock
        self._lists: BoundedLru[CandlesQuery, _CachedList] = BoundedLru(
            size=MAX_CANDLE_LISTS,
            weight=MAX_CANDLE_BYTES,
            weigh=lambda _, cached: CANDLE_BYTES * (1 + len(cached.value.items)),
        )
        self.read_count = 0
        """Lists that were read from the database so far."""

    def find(self, query: CandlesQuery) -> CandleList | None:
        """Return the answer if it is in memory."""
        cached = self._lists.get(query)
        return cached.value if cached is not None and self._clock() < cached.until else None

    async def read(self, query: CandlesQuery) -> CandleList:
        """Return the answer. Equal queries at once are read once.

        Raises:
            InvalidArgument: an argument is out of range.
            UnknownSymbol: no source tracks the symbol, and none has a history of it.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        if (found := self.find(query)) is not None:
            return found
        check_candles(query, self._clock())
        return await self._reads.run(query, lambda: self.find(query), lambda: self._read(query))

    async def _read(self, query: CandlesQuery) -> CandleList:
        now = self._clock()
        value = await self._read_list(query, now)
        self._lists.put(query, _CachedList(value, self._clock() + value.lasts))
        return value

    async def _read_list(self, query: CandlesQuery, now: datetime) -> CandleList:
        key, series = await self._index.find(query.symbol, query.source)
        described = CandleSeries(key, query.interval, query.zone, query.known_at)
        storage, as_of = self._storage, query.known_at or now
        earliest = None if storage is None or series is None else await storage.read_earliest(series)
        builder = _ListBuilder(query, described, earliest, as_of)
        if storage is None or series is None or earliest is None:
            return builder.make_empty()
        page = list_spans(query, earliest, as_of)
        if not page.spans:
            return builder.make_empty()
        self.read_count += 1
        recent = None
        if self._bars is not None and query.known_at is None:
            recent = view_recent(self._bars.sources[key.source], key.symbol, now)
        stored = StoredCandles(
            storage,
            series,
            key.source,
            as_of,
            known_at=query.known_at,
            recent=recent,
            simulated=self._simulated,
        )
        candles = await stored.read(page, query.interval, parse_zone(query.zone))
        gaps = None if query.known_at is not None else await stored.read_gaps(page.window)
        lasts = SETTLED if _is_settled(candles, query.known_at, now) else CHANGING
        return builder.make(candles, page, gaps, lasts)


class _ListBuilder(NamedTuple):
    """The parts of an answer that do not depend on its candles."""

    query: CandlesQuery
    series: CandleSeries
    earliest: datetime | None
    as_of: datetime

    def make_empty(self) -> CandleList:
        """Return a list without candles."""
        return self.make((), PageSpans((), has_more=False), None, CHANGING)

    def make(
        self, candles: Sequence[Candle], page: PageSpans, gaps: Gaps | None, lasts: timedelta
    ) -> CandleList:
        """Return a list of candles."""
        query, series = self.query, self.series
        first = candles[0].open_time if candles else query.before or query.end or self.as_of
        found = gaps or Gaps((), has_more=False)
        return CandleList(
            series=series,
            items=tuple(SeriesCandle(series, candle) for candle in candles),
            gaps=None if query.known_at is not None else found.gaps,
            has_more_gaps=found.has_more,
            cursor=format_candle_cursor(first),
            has_more=page.has_more,
            earliest=self.earliest,
            lasts=lasts,
        )


def _is_settled(candles: Sequence[Candle], known_at: datetime | None, now: datetime) -> bool:
    """Return whether nothing that is still to come changes these candles."""
    settled = now - SETTLED_AFTER
    if known_at is not None:
        return known_at < settled
    return candles[-1].close_time < settled and all(candle.coverage in WHOLE for candle in candles)
