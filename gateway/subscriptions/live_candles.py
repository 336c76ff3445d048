"""Live candles: the series of all `candles` subscriptions, and how a subscription begins."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

import structlog

from gateway.queries.candles.candle_list import CandleSeries, SeriesCandle
from gateway.queries.candles.parts_reader import CandlePartsReader
from gateway.queries.candles.query import FIRST_TIME, MAX_CANDLES, CandlesQuery
from gateway.queries.candles.reader import CandlesReader
from gateway.queries.unavailable import unknown
from gateway.state.bar_mirror import BarMirror
from gateway.subscriptions.candles_cohort import CandlesCohort, CandlesOpening, LiveCandlesQuery
from gateway.subscriptions.candles_event import (
    CandlesEvent,
    LiveCandlesArgs,
    check_live_candles,
    parse_bars_cursor,
)
from gateway.subscriptions.cohort import FanOut, PayloadEncoder, Subscriber
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_query_registry import LiveQueryRegistry
from gateway.subscriptions.live_series import HELD, LiveSeries
from history.interval import Interval, TimeSpan, span_at
from history.time_zone import parse_zone
from rates.clock import Clock
from rates.errors import HistoryUnavailable, RatesError, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol

# How often series are looked at that have to be read again, and how long one waits that could not be read.
RELOAD_POLL_S = 0.5
RETRY_AFTER = timedelta(seconds=5)

PayloadT = TypeVar("PayloadT")
log = structlog.get_logger("ratewire.gateway.history")


class CandleServices(NamedTuple):
    """Sources of live candles."""

    candles: CandlesReader
    parts: CandlePartsReader
    mirror: BarMirror
    simulated: bool


class LiveCandles:
    """All live candles of a gateway. Series without subscriptions are removed."""

    def __init__(
        self, fan_out: FanOut, registry: LiveQueryRegistry, services: CandleServices, *, clock: Clock
    ) -> None:
        self._fan_out, self._registry, self._clock = fan_out, registry, clock
        self._candles, self._parts, self._mirror, self._simulated = services
        self._series: WeakValueDictionary[CandleSeries, LiveSeries] = WeakValueDictionary()

    @property
    def series_count(self) -> int:
        """The different series that are kept up to date."""
        return len(self._series)

    def check(self, query: LiveCandlesArgs, after: str | None) -> datetime | None:
        """Raise what `subscribe` would raise at once; return the time of the cursor.

        Raises:
            InvalidArgument, InvalidCursor: an argument is out of range.
            HistoryUnavailable: this gateway has no history.
        """
        check_live_candles(query)
        since = parse_bars_cursor(after) if after else None
        if not (self._parts.exists and self._mirror.exists):
            raise HistoryUnavailable("this gateway does not follow the bars of the history")
        return since

    async def subscribe(
        self,
        live_query: LiveCandlesQuery[PayloadT],
        subscriber: Subscriber[PayloadT],
        after: str | None,
        since: datetime | None,
    ) -> None:
        """Deliver the candles, then their changes, once what is stored of them was read.

        Raises:
            HistoryUnavailable: it cannot be read in time.
        """
        series = await self._prepare(live_query)
        while not all(each.is_loaded for each in series):
            for each in series:
                if not each.is_loaded:
                    await each.load()
        opening = await self._read_opening(live_query.query, series, after or "", since)
        while not all(each.is_loaded for each in series):
            # The last other subscriber has left meanwhile.
            await asyncio.gather(*(each.load() for each in series if not each.is_loaded))
        cohort = CandlesCohort(self._fan_out, live_query)
        cohort.register(subscriber)
        cohort.open(opening)

    def make_query(
        self,
        query: LiveCandlesArgs,
        options: DeliveryOptions,
        encoder: PayloadEncoder[CandlesEvent, PayloadT],
    ) -> LiveCandlesQuery[PayloadT]:
        """Return the live query that equal subscriptions share.

        Raises:
            TooManyLiveQueries: a limit of the process is reached.
        """
        return self._registry.get_or_create(
            (encoder, query, options), lambda: LiveCandlesQuery(query, options, encoder)
        )

    async def run(self) -> None:
        """Read series again that have to be, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_POLL_S)
            # In a call of its own, which holds no series while the task sleeps.
            await self._reload_due()

    async def _reload_due(self) -> None:
        for series in tuple(self._series.values()):
            at = series.reload_at
            if at is not None and at <= self._clock() and series.watchers:
                await self._reload(series)

    async def _reload(self, series: LiveSeries) -> None:
        try:
            await series.load()
        except RatesError as exc:
            log.warning("candles not read again", series=series.series.key, error=str(exc))
            series.reload_at = self._clock() + RETRY_AFTER

    async def _prepare(self, live_query: LiveCandlesQuery[PayloadT]) -> tuple[LiveSeries, ...]:
        """Find the series of a query, once for all its subscribers."""
        async with live_query.lock:
            if live_query.series is None:
                query = live_query.query
                found, missing = [], []
                for symbol in dict.fromkeys(query.symbols):
                    try:
                        key = await self._parts.find(symbol, query.source)
                    except UnknownSymbol as exc:
                        missing.append(unknown(symbol, query.source, exc))
                    else:
                        found.append(self._find_series(CandleSeries(key, query.interval, query.zone)))
                live_query.set_series(found, missing)
            assert live_query.series is not None
            return live_query.series

    def _find_series(self, series: CandleSeries) -> LiveSeries:
        known = self._series.get(series)
        if known is None:
            known = LiveSeries(
                series, self._mirror, self._parts, simulated=self._simulated, clock=self._clock
            )
            self._series[series] = known
        return known

    async def _read_opening(
        self, query: LiveCandlesArgs, series: tuple[LiveSeries, ...], after: str, since: datetime | None
    ) -> CandlesOpening:
        if since is not None:
            pages = await self._read_missed(query, series, since)
            if pages is not None:
                return CandlesOpening(pages, after, since, is_proved=True)
        found: dict[LiveSeries, tuple[SeriesCandle, ...]] = {}
        for each in series if query.last else ():
            asked = CandlesQuery(*self._identify(each), last=query.last + 1, zone=query.zone)
            found[each] = (await self._candles.read(asked)).items
        return CandlesOpening(found, after, since)

    async def _read_missed(
        self, query: LiveCandlesArgs, series: tuple[LiveSeries, ...], since: datetime
    ) -> dict[LiveSeries, tuple[SeriesCandle, ...]] | None:
        """Return the candles that may have changed since a time; `None` if that is not known of all."""
        zone = parse_zone(query.zone)
        found: dict[LiveSeries, tuple[SeriesCandle, ...]] = {}
        for each in series:
            bars = each.bars
            if bars.applied_at is None or bars.unbroken_since is None or since > self._clock() + RETRY_AFTER:
                return None
            if bars.unbroken_since > since:
                window = TimeSpan(since, bars.unbroken_since)
                if await self._parts.has_gap(each.series.key, window):
                    return None
            start = span_at(query.interval, max(since - HELD, FIRST_TIME), zone).start
            asked = CandlesQuery(
                *self._identify(each), start=max(start, FIRST_TIME), last=MAX_CANDLES, zone=query.zone
            )
            page = await self._candles.read(asked)
            if page.has_more:
                return None
            found[each] = page.items
        return found

    @staticmethod
    def _identify(series: LiveSeries) -> tuple[Symbol, Interval, Source]:
        key = series.series.key
        return key.symbol, series.series.interval, key.source
