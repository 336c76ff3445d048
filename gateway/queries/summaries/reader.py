"""Answers queries for summaries from a table that is read once a minute."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.cache_limits import MAX_SUMMARY_BYTES, MAX_SUMMARY_LISTS, SUMMARY_BYTES
from gateway.lru import BoundedLru
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.summaries.close_table import CloseTable
from gateway.queries.summaries.query import SummariesQuery, check_summaries
from gateway.queries.summaries.summary import (
    CloseGroups,
    Summary,
    SummaryList,
    change_percent,
    compute_closes,
    group_quarters,
    judge_quarters,
)
from history.interval import Interval, TimeSpan, span_at
from rates.clock import Clock
from rates.errors import HistoryUnavailable
from rates.symbol import Symbol
from rates.ticker import TickerKey

# A minute is in the summaries so long after its end: the recorder has stored it by then, also on a silent connection.
STORED_AFTER = timedelta(seconds=40)
_MINUTE = timedelta(minutes=1)


class _TableContent(NamedTuple):
    """The instruments of the table, with their numbers, by symbol."""

    series: Mapping[Symbol, tuple[TickerKey, int]]
    end: datetime


class SummariesReader:
    """Reads summaries. `storage` is `None` in a gateway without a history."""

    def __init__(
        self,
        storage: CandleStorage | None,
        index: SeriesIndex,
        reads: BoundedReads,
        *,
        max_symbols: int,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self._index, self._reads, self._max_symbols = index, reads, max_symbols
        self._simulated, self._clock = simulated, clock
        self._table = None if storage is None else CloseTable(storage)
        self._content: _TableContent | None = None
        self._lists: BoundedLru[SummariesQuery, SummaryList] = BoundedLru(
            size=MAX_SUMMARY_LISTS,
            weight=MAX_SUMMARY_BYTES,
            weigh=lambda query, found: SUMMARY_BYTES * (1 + len(found.items) * (10 + query.points)),
        )
        self.read_count = 0
        """Times that the table was read so far."""

    def find(self, query: SummariesQuery) -> SummaryList | None:
        """Return the answer if it is in memory."""
        found = self._lists.get(query)
        return found if found is not None and self._clock() < found.until else None

    async def read(self, query: SummariesQuery) -> SummaryList:
        """Return the answer, with a summary of each symbol.

        Raises:
            InvalidArgument: an argument is out of range.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        if (found := self.find(query)) is not None:
            return found
        check_summaries(query, max_symbols=self._max_symbols)
        symbols = self._index.list_symbols() if query.symbols is None else query.symbols
        if len(symbols) > self._max_symbols:
            check_summaries(SummariesQuery(tuple(symbols)), max_symbols=self._max_symbols)
        if (table := self._table) is None:
            raise HistoryUnavailable("this gateway has no database of the history")
        content = await self._reads.run("summaries", self._find_content, lambda: self._refresh(table))
        answer = self._make(symbols, query.points, content, table)
        self._lists.put(query, answer)
        return answer

    def _find_content(self) -> _TableContent | None:
        content = self._content
        return content if content is not None and content.end == self._last_minute() else None

    async def _refresh(self, table: CloseTable) -> _TableContent:
        end = self._last_minute()
        series = await self._index.list_first()
        await table.refresh(sorted(number for _, number in series.values()), end)
        self.read_count += 1
        self._content = _TableContent(series, end)
        return self._content

    def _last_minute(self) -> datetime:
        return span_at(Interval.M1, self._clock() - STORED_AFTER).start

    def _make(
        self, symbols: tuple[Symbol, ...], points: int, content: _TableContent, table: CloseTable
    ) -> SummaryList:
        groups = group_quarters(content.end, points)
        items = [self._summarise(symbol, content, groups, table) for symbol in symbols]
        return SummaryList(tuple(items), content.end + _MINUTE + STORED_AFTER)

    def _summarise(
        self, symbol: Symbol, content: _TableContent, groups: CloseGroups, table: CloseTable
    ) -> Summary:
        end = content.end
        key, series = content.series.get(symbol, (None, None))
        if key is None:
            key = self._index.find_tracked(symbol)
        closes = {} if series is None else table.closes_of(series)
        prices = table.prices
        price = None if series is None else prices.now.get(series)
        before = [None if series is None else each.get(series) for each in prices.before]
        window = TimeSpan(groups.quarters[0][0], end)
        return Summary(
            symbol=symbol,
            source=None if key is None else key.source,
            window=window,
            price=price,
            close_times=groups.times,
            closes=tuple(compute_closes(closes, groups, end)),
            changes=tuple(change_percent(price, each) for each in before),
            coverage=judge_quarters(closes, window),
            simulated=self._simulated,
        )
