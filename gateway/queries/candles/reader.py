"""Answers queries for candles from the stored history, and keeps recent answers in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from weakref import WeakValueDictionary

import structlog

from gateway.cache_limits import CANDLE_BYTES, MAX_CANDLE_BYTES, MAX_CANDLE_LISTS
from gateway.lru import BoundedLru
from gateway.queries.candles.candle_list import CandleList, CandleSeries, SeriesCandle
from gateway.queries.candles.page import PageSpans, list_spans
from gateway.queries.candles.query import CandlesQuery, check_candles, format_candle_cursor
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.candles.stored_candles import Gaps, StoredCandles
from gateway.queries.rate_reader import RateReader
from gateway.state.catalog import InstrumentCatalog
from history.candle import Candle
from history.candle_parts import WHOLE
from rates.clock import Clock
from rates.errors import DatabaseUnavailable, HistoryUnavailable
from rates.source import Source
from rates.ticker import TickerKey

READ_TIMEOUT_S = 4.0
# Reads of the database at once, of the fifteen connections of a process. Others wait.
MAX_READS = 4
# After a failure, for so long everybody gets the same error.
FAILURE_LASTS = timedelta(seconds=1)
# Before that a recorder that is late may store a minute, and a late trade may correct it.
SETTLED_AFTER = timedelta(minutes=15)
# For how long answers are cached: those with a candle that may change, and others.
CHANGING, SETTLED = timedelta(milliseconds=250), timedelta(hours=1)

log = structlog.get_logger("ratewire.gateway.history")


class _CachedList(NamedTuple):
    """A list that is answered until a time."""

    value: CandleList
    until: datetime


class CandlesReader:
    """Reads candles. `storage` is `None` in a gateway without a history."""

    def __init__(
        self,
        storage: CandleStorage | None,
        rates: RateReader,
        catalog: InstrumentCatalog,
        *,
        preference: Sequence[Source],
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._storage, self._rates, self._catalog, self._clock = storage, rates, catalog, clock
        self._simulated = simulated
        self._preference = tuple(preference)
        self._index = None if storage is None else SeriesIndex(storage, preference, clock)
        self._lists: BoundedLru[CandlesQuery, _CachedList] = BoundedLru(
            size=MAX_CANDLE_LISTS,
            weight=MAX_CANDLE_BYTES,
            weigh=lambda _, cached: CANDLE_BYTES * (1 + len(cached.value.items)),
        )
        self._reading: WeakValueDictionary[CandlesQuery, asyncio.Lock] = WeakValueDictionary()
        self._free = asyncio.Semaphore(MAX_READS)
        self._failed: tuple[datetime, str] | None = None
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
        lock = self._reading.setdefault(query, asyncio.Lock())
        async with self._in_time(), lock:
            if (found := self.find(query)) is not None:
                return found
            async with self._free:
                value = await self._read(query)
        self._lists.put(query, _CachedList(value, self._clock() + value.lasts))
        return value

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Bound the time of a read, and translate its failures.

        Raises:
            HistoryUnavailable: it failed, or one before it did just now.
        """
        if self._failed is not None and timedelta() <= self._clock() - self._failed[0] < FAILURE_LASTS:
            raise HistoryUnavailable(self._failed[1])
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                yield
        except (DatabaseUnavailable, TimeoutError) as exc:
            # What the driver says names hosts, and is for the log.
            message = f"the history could not be read within {READ_TIMEOUT_S:g} s: try again later"
            if isinstance(exc, DatabaseUnavailable):
                message = "the database of the history does not answer: try again later"
            self._failed = self._clock(), message
            log.warning("history not read", error=str(exc) or type(exc).__name__)
            raise HistoryUnavailable(message) from exc
        self._failed = None

    async def _read(self, query: CandlesQuery) -> CandleList:
        now = self._clock()
        key, series = await self._find_series(query)
        described = CandleSeries(key, query.interval, query.zone, query.known_at)
        storage, as_of = self._storage, query.known_at or now
        earliest = None if storage is None or series is None else await storage.read_earliest(series)
        answer = _ListBuilder(query, described, earliest, as_of)
        if storage is None or series is None or earliest is None:
            return answer.make_empty()
        page = list_spans(query, earliest, as_of)
        if not page.spans:
            return answer.make_empty()
        self.read_count += 1
        stored = StoredCandles(storage, series, key.source, query, as_of, simulated=self._simulated)
        candles = await stored.read(page)
        gaps = None if query.known_at is not None else await stored.read_gaps(page.window)
        lasts = SETTLED if _is_settled(candles, query.known_at, now) else CHANGING
        return answer.make(candles, page, gaps, lasts)

    async def _find_series(self, query: CandlesQuery) -> tuple[TickerKey, int | None]:
        """Return the instrument, and its number if it has a history.

        Raises:
            HistoryUnavailable: this gateway has no history.
            UnknownSymbol: nobody knows it.
        """
        self._rates.check_loaded()
        if self._index is None:
            raise HistoryUnavailable("this gateway has no database of the history")
        found = await self._index.find(query.symbol, query.source)
        if found is not None:
            return found
        asked = self._preference if query.source is None else (query.source,)
        for source in asked:
            if self._catalog.is_listed(TickerKey(source, query.symbol)):
                return TickerKey(source, query.symbol), None
        raise self._rates.resolver.unknown_symbol(query.symbol, asked)


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
