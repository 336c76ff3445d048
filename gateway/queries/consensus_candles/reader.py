"""Answers queries for consensus candles from the candles of the sources."""

from collections.abc import Sequence
from decimal import Decimal

from gateway.cache_limits import CANDLE_BYTES, MAX_CANDLE_BYTES, MAX_CANDLE_LISTS
from gateway.lru import BoundedLru
from gateway.queries.candles.candle_list import CandleList
from gateway.queries.candles.reader import CHANGING, CandlesReader
from gateway.queries.candles.series_index import SeriesIndex
from gateway.queries.consensus_candles.consensus_candle import ConsensusCandleList, align, combine
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery, check_consensus_candles
from gateway.state.catalog import InstrumentCatalog
from rates.clock import Clock
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


class ConsensusCandlesReader:
    """Combines candles of the sources that mean the same reviewed assets by a symbol."""

    def __init__(
        self,
        candles: CandlesReader,
        index: SeriesIndex,
        catalog: InstrumentCatalog,
        *,
        preference: Sequence[Source],
        max_distance: Decimal,
        clock: Clock,
    ) -> None:
        self._candles, self._index, self._catalog = candles, index, catalog
        self._preference, self._max_distance, self._clock = tuple(preference), max_distance, clock
        self._known: BoundedLru[ConsensusCandlesQuery, tuple[tuple[CandleList, ...], ConsensusCandleList]] = (
            BoundedLru(
                size=MAX_CANDLE_LISTS,
                weight=MAX_CANDLE_BYTES,
                weigh=lambda _, known: CANDLE_BYTES * (1 + len(known[1].items)),
            )
        )

    def find(self, query: ConsensusCandlesQuery) -> ConsensusCandleList | None:
        """Return the answer if the candles that it is made of are in memory, and the same."""
        known = self._known.get(query)
        if known is None:
            return None
        parts, answer = known
        is_current = all(
            self._candles.find(query.of_source(part.series.key.source)) is part for part in parts
        )
        return answer if is_current and parts else None

    async def read(self, query: ConsensusCandlesQuery) -> ConsensusCandleList:
        """Return the answer.

        Raises:
            InvalidArgument: an argument is out of range.
            UnknownSymbol: no source tracks the symbol.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        if (found := self.find(query)) is not None:
            return found
        check_consensus_candles(query, self._clock())
        # Raises for an unknown symbol, and without a history.
        key, _ = await self._index.find(query.symbol, None)
        numbers = await self._index.list_numbers()
        sources = self._list_sources(query.symbol) or [key.source]
        # One after the other: others want to read the database too.
        parts = [
            await self._candles.read(query.of_source(source))
            for source in sources
            if TickerKey(source, query.symbol) in numbers
        ]
        answer = self._combine(query, parts)
        self._known.put(query, (tuple(parts), answer))
        return answer

    def _list_sources(self, symbol: Symbol) -> list[Source]:
        merged = self._catalog.merged_sources(symbol)
        return [source for source in self._preference if source in merged]

    def _combine(self, query: ConsensusCandlesQuery, parts: Sequence[CandleList]) -> ConsensusCandleList:
        candles = {part.series.key.source: [each.candle for each in part.items] for part in parts}
        times = align(candles, query.last)
        first = times[0] if times else {}
        left_out = sum(map(len, candles.values())) > sum(map(len, times))
        return ConsensusCandleList(
            query,
            tuple(candles),
            tuple(combine(each, query, len(candles), self._max_distance) for each in times),
            has_more=left_out or any(part.has_more for part in parts if part.series.key.source in first),
            lasts=min((part.lasts for part in parts), default=CHANGING),
        )
