"""Answers queries for rates of the past from stored bars."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from gateway.cache_limits import MAX_RATES_AT
from gateway.lru import BoundedLru
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.reader import CHANGING, SETTLED, SETTLED_AFTER
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.rate import Rate, TtlBySource
from gateway.queries.rate_at.query import RateAtQuery, check_times
from gateway.queries.rate_at.rate_at import RateAt, TradeBefore, to_ticker
from gateway.queries.rate_at.trade_search import TradeSearch
from history.coverage import CandleCoverage
from rates.clock import Clock
from rates.errors import RateNotSeen
from rates.ticker import TickerKey


class RateAtReader:
    """Reads rates of the past. `storage` is `None` in a gateway without a history."""

    def __init__(
        self,
        storage: CandleStorage | None,
        index: SeriesIndex,
        reads: BoundedReads,
        *,
        ttl: TtlBySource,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._storage, self._index, self._reads = storage, index, reads
        self._ttl, self._simulated, self._clock = ttl, simulated, clock
        self._known: BoundedLru[RateAtQuery, tuple[RateAt, datetime]] = BoundedLru(size=MAX_RATES_AT)

    async def read(self, query: RateAtQuery) -> RateAt:
        """Return the answer, whatever its freshness.

        Raises:
            InvalidArgument: a time is out of range.
            UnknownSymbol: no source tracks the symbol, and none has a history of it.
            RateNotSeen: no trade is known at or before that time.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        check_times(query.at, query.known_at, self._clock())
        return await self._reads.run(query, lambda: self._find(query), lambda: self._read(query))

    async def read_all(self, keys: Collection[TickerKey], at: datetime) -> dict[TickerKey, RateAt]:
        """Return the rates of these instruments at a time, if a trade is known.

        Their `coverage` is not computed yet, and UNKNOWN: `add_coverage` does.

        Raises:
            InvalidArgument: the time is out of range.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        check_times(at, None, self._clock())
        ordered = tuple(sorted(keys))
        return await self._reads.run((ordered, at), lambda: None, lambda: self._read_all(ordered, at))

    async def add_coverage(self, rate_at: RateAt) -> RateAt:
        """Return one of `read_all` with its coverage.

        Raises:
            HistoryUnavailable: it cannot be read in time.
        """
        query = RateAtQuery(rate_at.rate.ticker.symbol, rate_at.rate.now, rate_at.rate.ticker.source)
        return await self.read(query)

    def lasts(self, rate_at: RateAt, known_at: datetime | None = None) -> timedelta:
        """Return for how long nothing of an answer changes."""
        settled = self._clock() - SETTLED_AFTER
        if known_at is not None:
            return SETTLED if known_at < settled else CHANGING
        is_settled = rate_at.rate.now < settled and rate_at.coverage is CandleCoverage.COMPLETE
        return SETTLED if is_settled else CHANGING

    def all_last(self, rates_at: Iterable[RateAt | None]) -> timedelta:
        """Return for how long nothing of an answer made of these changes.

        Where one is missing, another may be found.
        """
        found = list(rates_at)
        given = [each for each in found if each is not None]
        if not given or len(given) < len(found):
            return CHANGING
        return min(map(self.lasts, given))

    def _find(self, query: RateAtQuery) -> RateAt | None:
        known = self._known.get(query)
        return known[0] if known is not None and self._clock() < known[1] else None

    async def _read(self, query: RateAtQuery) -> RateAt:
        key, series = await self._index.find(query.symbol, query.source)
        if self._storage is None or series is None:
            raise RateNotSeen(str(query.symbol), key.source.name, at=query.at)
        search = TradeSearch(self._storage, query.at, query.known_at)
        found = (await search.find((series,))).get(series)
        if found is None:
            raise RateNotSeen(str(query.symbol), key.source.name, at=query.at)
        answer = self._make(key, found.trade, query.at, await search.read_coverage(found))
        self._known.put(query, (answer, self._clock() + self.lasts(answer, query.known_at)))
        return answer

    async def _read_all(self, keys: Collection[TickerKey], at: datetime) -> dict[TickerKey, RateAt]:
        numbers = await self._index.list_numbers()
        wanted = {numbers[key]: key for key in keys if key in numbers}
        if self._storage is None:
            return {}
        found = await TradeSearch(self._storage, at).find(wanted)
        return {
            wanted[series]: self._make(wanted[series], each.trade, at, CandleCoverage.UNKNOWN)
            for series, each in found.items()
        }

    def _make(self, key: TickerKey, trade: TradeBefore, at: datetime, coverage: CandleCoverage) -> RateAt:
        ticker = to_ticker(key, trade, simulated=self._simulated)
        return RateAt(
            rate=Rate(ticker, self._ttl[key.source], at), coverage=coverage, known_at=trade.known_at
        )
