"""The size of a root field: its own points by its arguments, and the lengths of its lists."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from typing import Protocol as Role

from gateway.queries.candles.query import MAX_CANDLES, CandlesQuery
from gateway.queries.candles.stats import STEPS
from gateway.queries.consensus.rates_query import MAX_CONSENSUS_SYMBOLS, ConsensusRatesQuery
from gateway.queries.consensus_candles.query import MAX_CONSENSUS_CANDLES, ConsensusCandlesQuery
from gateway.queries.conversion.conversions_query import MAX_CONVERSIONS, ConversionsQuery
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate_reader import NEAR_LOOKUPS
from gateway.queries.rates_query import RatesQuery
from gateway.queries.source_history.query import LONGEST, SourceHistoryQuery, count_points
from gateway.queries.summaries.query import MAX_POINTS, SummariesQuery
from gateway.schema.global_id import MAX_ENTITIES, MAX_NODES
from gateway.schema.root_points import (
    CANDLE,
    CLOSE,
    COMBINED_CANDLE,
    CONNECTED,
    CONNECTED_ANEW,
    CONSENSUS,
    CONVERT,
    ENTITY,
    EXECUTED_CLOSE,
    FIND_NEAR,
    GAPS,
    HISTORY,
    LIVE_SERIES,
    MAX_PRICED_ARGUMENT,
    ONE_OF_SOURCES,
    PAST_KEYS,
    PAST_RATE,
    PERIODS,
    PLANNED_ENTITY,
    SOURCE_CANDLE,
    SOURCE_POINT,
    SOURCES,
    SUMMARY,
    SYMBOL,
    TAPE,
    TRADE,
    price_document,
)
from gateway.schema.selection_weight import (
    FILTERED,
    MAX_LEGS,
    PAGED,
    ROOT,
    SEARCHED,
    SEARCHED_WORD,
    ListSize,
)
from gateway.state.instrument_pages import DEFAULT_PAGE
from gateway.state.instrument_search import count_words
from gateway.subscriptions.candles_event import MAX_CANDLE_SYMBOLS, LiveCandlesArgs
from gateway.subscriptions.trades_event import LiveTradesArgs
from history.trade_tape import TAPE_LENGTH
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


class EntityCount(NamedTuple):
    """The number of entities of a federation that a root field asks for by covered types."""

    entities: int


PlannedQuery = (
    RatesQuery
    | ConsensusRatesQuery
    | ConversionsQuery
    | ConversionQuery
    | CandlesQuery
    | ConsensusCandlesQuery
    | SummariesQuery
    | LiveCandlesArgs
    | LiveTradesArgs
    | EntityCount
)
"""Queries whose size decides what a root field costs."""


class SizedCatalog(Role):
    """The tracked instruments."""

    version: str

    @property
    def tracked(self) -> Mapping[TickerKey, object]:
        """The available instruments."""
        ...

    @property
    def halted(self) -> Mapping[TickerKey, object]:
        """The tracked instruments that are not available."""
        ...

    def sources_of(self, symbol: Symbol) -> frozenset[Source]:
        """The sources at which a symbol is available."""
        ...


class RootSize(NamedTuple):
    """Points of a root field itself, and the lengths of its lists."""

    points: float
    lists: Mapping[ListSize, int]


# Of `__typename` and introspection.
UNPRICED = RootSize(0, {})
FIXED = {
    "instrument": RootSize(ROOT + FIND_NEAR, {}),
    "asset": RootSize(ROOT + FIND_NEAR, {}),
    "source": RootSize(ROOT, {}),
    "budget": RootSize(ROOT, {}),
    "_service": RootSize(ROOT, {}),
    "rate": RootSize(ROOT + FIND_NEAR, {}),
    "sources": RootSize(SOURCES, {ListSize.SOURCES: len(Source)}),
    "rateAt": RootSize(ROOT + HISTORY + FIND_NEAR, {}),
    "stats": RootSize(ROOT + HISTORY + FIND_NEAR + CANDLE * STEPS, {}),
    "consensusRate": RootSize(CONSENSUS + FIND_NEAR, {ListSize.SOURCES: len(Source)}),
}
"""The sizes of root fields that depend on no argument."""


CountServed = Callable[[Sequence[str]], tuple[int, int] | None]


def count_none(_symbols: Sequence[str]) -> None:
    """Know no symbol: all are counted from the catalog."""


class RootSizes:
    """Sizes root fields over the instruments of `catalog`.

    `count_served` returns the number of rates of symbols and of different symbols, as the catalog has them, or `None` if it cannot.
    """

    def __init__(
        self,
        catalog: SizedCatalog,
        *,
        max_page: int,
        max_symbols: int,
        count_served: CountServed = count_none,
    ) -> None:
        self._catalog = catalog
        self._count_served = count_served
        self._max_page, self._max_symbols = max_page, max_symbols
        self._counted: tuple[str, Counter[Source]] = "", Counter()
        self._counted_by_symbol: tuple[str, Counter[str]] = "", Counter()

    def by_arguments(self, name: str, arguments: Mapping[str, Any]) -> RootSize:
        """Return the size of a root field with these coerced arguments."""
        if name == "cost":
            return RootSize(ROOT + min(price_document(arguments["document"]), MAX_PRICED_ARGUMENT), {})
        size = self._by_arguments(name, arguments)
        if name in PAST_KEYS and arguments.get("at") is not None:
            return size._replace(
                points=size.points + HISTORY + PAST_RATE * min(PAST_KEYS[name], self.count_all())
            )
        return size

    def _by_arguments(self, name: str, arguments: Mapping[str, Any]) -> RootSize:
        match name:
            case "rates":
                size = self._size_rates(
                    RatesQuery(_read_list(arguments.get("symbols")), _read_list(arguments.get("sources")))
                )
            case "instruments":
                size = self._size_page(arguments)
            case "consensusRates":
                size = self._size_consensuses(arguments["symbols"])
            case "candles" | "consensusCandles" | "trades":
                size = self._size_last(name, arguments)
            case "sourceHistory":
                size = self._size_source_history(
                    SourceHistoryQuery(arguments["source"], arguments["from"], arguments["to"])
                )
            case "summaries":
                size = self._size_summaries(
                    _read_list(arguments.get("symbols")), arguments["points"], EXECUTED_CLOSE
                )
            case "node" | "nodes":
                ids = arguments.get("ids", [arguments.get("id")])
                size = RootSize(sum(map(self._size_node, ids[:MAX_NODES])), {ListSize.NODES: len(ids)})
            case "_entities":
                # The execution refuses more than the limit.
                given = (
                    arguments["representations"] if len(arguments["representations"]) <= MAX_ENTITIES else ()
                )
                points = sum(map(self._size_entity, given))
                size = RootSize(points, {ListSize.NODES: len(given)})
            case "conversion" | "convert" | "conversions":
                own = bool(arguments.get("sources")) or bool(arguments.get("stablecoinsAsUsd"))
                size = self._size_conversions(len(arguments.get("input", (None,))), has_own_graph=own)
            case _:
                size = FIXED[name]
        return size

    def by_query(self, query: PlannedQuery) -> RootSize:
        """Return the size of a root field with this query."""
        match query:
            case RatesQuery():
                return self._size_rates(query)
            case ConsensusRatesQuery():
                return self._size_consensuses([each.symbol for each in query.queries])
            case (
                CandlesQuery()
                | LiveCandlesArgs()
                | LiveTradesArgs()
                | ConsensusCandlesQuery()
                | SummariesQuery()
            ):
                return self._size_history(query)
            case EntityCount():
                return RootSize(ROOT + PLANNED_ENTITY * query.entities, {ListSize.NODES: query.entities})
            case ConversionsQuery() | ConversionQuery():
                queries = query.queries if isinstance(query, ConversionsQuery) else (query,)
                own = any(each.sources or each.stablecoins_as_usd for each in queries)
                return self._size_conversions(len(queries), has_own_graph=own)

    def _size_history(
        self, query: CandlesQuery | LiveCandlesArgs | LiveTradesArgs | ConsensusCandlesQuery | SummariesQuery
    ) -> RootSize:
        match query:
            case LiveTradesArgs():
                return self._size_trades(query.last)
            case CandlesQuery() | LiveCandlesArgs():
                return self._size_candles(query.last, getattr(query, "symbols", None))
            case ConsensusCandlesQuery():
                return self._size_consensus_candles(query.symbol, query.last)
            case SummariesQuery():
                return self._size_summaries(query.symbols, query.points, CLOSE)

    def count_rates(self, symbols: Sequence[str]) -> tuple[int, int]:
        """Return the number of rates of these symbols, from all sources, and of different symbols."""
        if len(symbols) > self._max_symbols:
            # The execution refuses it.
            return 0, 0
        served = self._count_served(symbols)
        if served is not None:
            return served
        version, counts = self._counted_by_symbol
        if version != self._catalog.version:
            version, counts = self._catalog.version, Counter(str(key.symbol) for key in self._catalog.tracked)
            self._counted_by_symbol = version, counts
        distinct = set(symbols)
        return sum([counts[each] for each in distinct]), len(distinct)

    def of_counts(self, name: str, rates: int, symbols: int) -> RootSize:
        """Return the size of a root field of the fast path with so many rates and symbols."""
        if name != "rates":
            return FIXED.get(name, UNPRICED)
        return RootSize(ROOT + SYMBOL * symbols, {ListSize.RATES: rates, ListSize.SYMBOLS: symbols})

    def _size_consensuses(self, symbols: Collection[Symbol]) -> RootSize:
        wanted = set(symbols)
        count = len(wanted) if len(wanted) <= MAX_CONSENSUS_SYMBOLS else 0
        missing = sum(not self._catalog.sources_of(each) for each in wanted) if count else 0
        return RootSize(
            ROOT + CONSENSUS * count + FIND_NEAR * min(missing, NEAR_LOOKUPS),
            {ListSize.ANSWERS: count, ListSize.WITHOUT_ANSWER: missing, ListSize.SOURCES: len(Source)},
        )

    def _size_last(self, name: str, arguments: Mapping[str, Any]) -> RootSize:
        """Return the size of a root field of the history that is bounded by `last`."""
        if name == "candles":
            return self._size_candles(arguments["last"], arguments.get("symbols"))
        if name == "consensusCandles":
            return self._size_consensus_candles(arguments["symbol"], arguments["last"])
        return self._size_trades(arguments["last"])

    @staticmethod
    def _size_trades(last: int) -> RootSize:
        """Return the size of the last trades, or of the first event of a subscription to them."""
        count = min(max(last, 0), TAPE_LENGTH)
        return RootSize(ROOT + FIND_NEAR + TAPE + TRADE * count, {ListSize.TRADES: count})

    @staticmethod
    def _size_candles(last: int, live: Collection[Symbol] | None = None) -> RootSize:
        """Return the size of a page, or of the first event of a subscription of these symbols."""
        if live is not None:
            count = len(set(live)) if len(live) <= MAX_CANDLE_SYMBOLS else 0
            candles = count * (min(max(last, 0), MAX_CANDLES) + 1)
            points = ROOT + LIVE_SERIES * count + CANDLE * candles
            return RootSize(points, {ListSize.CANDLES: candles, ListSize.SYMBOLS: count})
        count = last if 0 < last <= MAX_CANDLES else 0
        return RootSize(
            ROOT + HISTORY + FIND_NEAR + CANDLE * count, {ListSize.CANDLES: count, ListSize.GAPS: GAPS}
        )

    def _size_consensus_candles(self, symbol: Symbol, last: int) -> RootSize:
        count = last if 0 < last <= MAX_CONSENSUS_CANDLES else 0
        sources = max(1, len(self._catalog.sources_of(symbol)))
        points = (
            ROOT + FIND_NEAR + sources * (ONE_OF_SOURCES + SOURCE_CANDLE * count) + COMBINED_CANDLE * count
        )
        return RootSize(points, {ListSize.CANDLES: count, ListSize.SOURCES: sources})

    @staticmethod
    def _size_source_history(query: SourceHistoryQuery) -> RootSize:
        if not query.start < query.end <= query.start + LONGEST:
            # The execution refuses it.
            return RootSize(ROOT, {})
        count = count_points(query)
        points = ROOT + HISTORY + SOURCE_POINT * count
        return RootSize(points, {ListSize.POINTS: count, ListSize.PERIODS: PERIODS})

    def _size_summaries(self, symbols: tuple[Symbol, ...] | None, points: int, close: float) -> RootSize:
        count = len({key.symbol for key in self._catalog.tracked} if symbols is None else set(symbols))
        if count > self._max_symbols or not 0 < points <= MAX_POINTS:
            # The execution refuses it.
            count = points = 0
        each = SUMMARY + close * points
        return RootSize(ROOT + HISTORY + each * count, {ListSize.SUMMARIES: count})

    def _size_conversions(self, count: int, *, has_own_graph: bool) -> RootSize:
        if count > MAX_CONVERSIONS:
            # The execution refuses it.
            count = 0
        graph = len(self._catalog.tracked) * (CONNECTED_ANEW if has_own_graph else CONNECTED)
        return RootSize(
            CONVERT * count + graph,
            {ListSize.ANSWERS: count, ListSize.WITHOUT_ANSWER: count, ListSize.LEGS: MAX_LEGS},
        )

    def _size_page(self, arguments: Mapping[str, Any]) -> RootSize:
        lengths = [each for name in ("first", "last") if (each := arguments.get(name)) is not None]
        page = min(max([0, *lengths]), self._max_page) if lengths else DEFAULT_PAGE
        wanted = arguments.get("filter") or {}
        words = count_words(wanted.get("search") or "")
        conditions = sum(each is not None for each in wanted.values())
        scanned = FILTERED * conditions + (SEARCHED + SEARCHED_WORD * words if words else 0)
        return RootSize(ROOT + scanned * self.count_all() + PAGED * page, {ListSize.PAGE: page})

    def _size_node(self, global_id: str) -> float:
        match global_id.partition(":")[0]:
            case "ConsensusRate":
                return CONSENSUS + FIND_NEAR
            case "Conversion":
                return CONVERT + CONNECTED_ANEW * len(self._catalog.tracked)
            case "Candle":
                return HISTORY + FIND_NEAR + CANDLE
            case _:
                return ROOT

    def _size_entity(self, representation: Mapping[str, Any]) -> float:
        """Return the points of a representation, which may not be an id."""
        return ENTITY + self._size_node(f"{representation['__typename']}:")

    def count_all(self) -> int:
        """Return the number of instruments, halted ones included."""
        return len(self._catalog.tracked) + len(self._catalog.halted)

    def _size_rates(self, query: RatesQuery) -> RootSize:
        symbols = query.symbols
        if symbols is None:
            missing = len(self._catalog.halted)
            if query.sources is None:
                rates = len(self._catalog.tracked)
            else:
                counts = self._count_by_source()
                rates = sum(counts[each] for each in set(query.sources))
        elif len(symbols) > self._max_symbols:
            # The execution refuses it.
            rates = missing = 0
        else:
            found = [self._catalog.sources_of(each) for each in set(symbols)]
            if query.sources is None:
                rates, missing = sum(map(len, found)), len(found)
            else:
                sources = frozenset(query.sources)
                rates, missing = sum(len(sources & each) for each in found), len(found) * len(sources)
        return RootSize(ROOT + SYMBOL * missing, {ListSize.RATES: rates, ListSize.SYMBOLS: missing})

    def _count_by_source(self) -> Counter[Source]:
        version, counts = self._counted
        if version != self._catalog.version:
            counts = Counter(key.source for key in self._catalog.tracked)
            self._counted = self._catalog.version, counts
        return counts


def _read_list(value: list[Any] | None) -> tuple[Any, ...] | None:
    return tuple(value) if isinstance(value, list) else None
