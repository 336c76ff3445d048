"""The weight of a selection: points of objects and leaves, by the lengths of lists."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from graphql import FieldNode, GraphQLObjectType, IntValueNode

from gateway.schema.selected import SelectedField
from gateway.state.instrument_pages import DEFAULT_PAGE, MAX_PAGE
from gateway.state.instrument_search import MAX_SEARCH_WORDS
from rates.source import Source

# Points of a field that looks up or pages, besides those of its selection.
ROOT, PAGED = 20, 5
# Points for each tracked instrument of a condition, of a search, and of each word of it.
FILTERED, SEARCHED, SEARCHED_WORD = 0.2, 1, 0.4
MAX_LEGS = 4


class ListSize(Enum):
    """The origin of the length of a list."""

    RATES = "the rates that a root field asks for"
    SYMBOLS = "the symbols that it names"
    PAGE = "the length of a page"
    SOURCES = "the number of sources"
    LEGS = "the longest conversion"
    ANSWERS = "the consensuses or conversions that a root field asks for"
    WITHOUT_ANSWER = "those of them that may be unavailable"
    NODES = "the ids that a root field names"
    CANDLES = "the candles that a root field asks for"
    GAPS = "the most gaps between them"
    TRADES = "the trades that a root field asks for"
    SUMMARIES = "the summaries that a root field asks for"
    PERIODS = "the most periods of a source that are priced"
    POINTS = "the points of the record of a source"
    TRACKED = "the tracked instruments, which a list inside an object looks through"


LISTS = {
    ("RateList", "items"): ListSize.RATES,
    ("RateList", "unavailable"): ListSize.SYMBOLS,
    ("RatesEvent", "items"): ListSize.RATES,
    ("RatesEvent", "unavailable"): ListSize.SYMBOLS,
    ("InstrumentConnection", "edges"): ListSize.PAGE,
    ("InstrumentConnection", "nodes"): ListSize.PAGE,
    ("ConsensusRate", "contributions"): ListSize.SOURCES,
    ("Conversion", "legs"): ListSize.LEGS,
    ("ConsensusRateList", "items"): ListSize.ANSWERS,
    ("ConsensusRateList", "unavailable"): ListSize.WITHOUT_ANSWER,
    ("ConsensusRatesEvent", "items"): ListSize.ANSWERS,
    ("ConsensusRatesEvent", "unavailable"): ListSize.WITHOUT_ANSWER,
    ("ConversionList", "items"): ListSize.ANSWERS,
    ("ConversionList", "unavailable"): ListSize.WITHOUT_ANSWER,
    ("ConversionsEvent", "items"): ListSize.ANSWERS,
    ("ConversionsEvent", "unavailable"): ListSize.WITHOUT_ANSWER,
    ("CandleList", "items"): ListSize.CANDLES,
    ("CandleList", "gaps"): ListSize.GAPS,
    ("ConsensusCandleList", "items"): ListSize.CANDLES,
    ("ConsensusCandleList", "sources"): ListSize.SOURCES,
    ("CandlesEvent", "items"): ListSize.CANDLES,
    ("CandlesEvent", "unavailable"): ListSize.SYMBOLS,
    ("TradesEvent", "items"): ListSize.TRADES,
    ("SourceHistory", "periods"): ListSize.PERIODS,
    ("SourceHistory", "points"): ListSize.POINTS,
    ("Instrument", "rates"): ListSize.SOURCES,
    ("Query", "nodes"): ListSize.NODES,
    ("Query", "_entities"): ListSize.NODES,
    ("Query", "sources"): ListSize.SOURCES,
    ("Query", "summaries"): ListSize.SUMMARIES,
    ("Query", "trades"): ListSize.TRADES,
    ("Subscription", "sources"): ListSize.SOURCES,
}
"""The lists of the schema. Lists of names without selections (`sources { silent }`) count as leaves."""

# Points of fields inside objects that are computed when they are selected.
COMPUTED = {
    ("Rate", "instrument"): 10,
    ("Instrument", "rate"): 40,
    ("Instrument", "rates"): 80,
    ("Source", "status"): 80,
}
PAGES_INSIDE = {("Source", "instruments"), ("Asset", "instruments")}
# Lengths of lists inside objects, whatever the root field.
_LENGTHS = {ListSize.SOURCES: len(Source), ListSize.LEGS: MAX_LEGS}


class Weights(NamedTuple):
    """Points of an object of the response and of each of its leaves."""

    object: float
    leaf: float


EXECUTOR = Weights(object=12, leaf=4)
LIGHT_LEAVES = {"Instrument": 2.8}
"""Points of leaves that need no formatting."""
FAST_PATH = Weights(object=3, leaf=1.2)


class Weight(NamedTuple):
    """Points of a selection: its own, and those of one item of each list in it."""

    points: float
    lists: tuple[tuple[ListSize | int, "Weight"], ...] = ()

    def sum(self, sizes: Mapping[ListSize, int]) -> float:
        """Return the points with lists of these lengths."""
        return self.points + sum([_length(size, sizes) * item.sum(sizes) for size, item in self.lists])


def weigh_items(parent: GraphQLObjectType, field: SelectedField, weights: Weights) -> Weight:
    """Weigh a field: a list by the weight of one item."""
    if not field.kinds:
        return Weight(min(weights.leaf, LIGHT_LEAVES.get(parent.name, weights.leaf)))
    inside = [_weigh_object(kind, children, weights) for kind, children in field.kinds]
    weight = max(inside, key=lambda each: each.sum({}))
    place = parent.name, field.name
    if place in PAGES_INSIDE:
        return _weigh_page(field.node, weight)
    size, points = LISTS.get(place), COMPUTED.get(place, 0)
    if size is None:
        return weight._replace(points=weight.points + points)
    return Weight(points, ((size, weight),))


def _weigh_page(node: FieldNode, weight: Weight) -> Weight:
    """Weigh a page of instruments inside an object, whose arguments may be variables."""
    arguments = {each.name.value: each.value for each in node.arguments or ()}
    lengths = [arguments[name] for name in ("first", "last") if name in arguments]
    page = max(
        (int(each.value) if isinstance(each, IntValueNode) else MAX_PAGE for each in lengths),
        default=DEFAULT_PAGE,
    )
    page = min(max(page, 0), MAX_PAGE)
    searched = SEARCHED + MAX_SEARCH_WORDS * SEARCHED_WORD if "filter" in arguments else 0
    scan = Weight(2 * FILTERED + searched)
    lists = [(page if size is ListSize.PAGE else size, item) for size, item in weight.lists]
    return Weight(weight.points + ROOT + PAGED * page, (*lists, (ListSize.TRACKED, scan)))


def _length(size: ListSize | int, sizes: Mapping[ListSize, int]) -> int:
    if isinstance(size, int):
        return size
    return sizes[size] if size in sizes else _LENGTHS.get(size, 1)


def _weigh_object(kind: GraphQLObjectType, children: Sequence[SelectedField], weights: Weights) -> Weight:
    if kind.name == "Source" and weights is FAST_PATH and not any(child.kinds for child in children):
        # Constant bytes.
        return Weight(weights.leaf)
    points = weights.object
    lists: list[tuple[ListSize | int, Weight]] = []
    for child in children:
        weight = weigh_items(kind, child, weights)
        points += weight.points
        lists += weight.lists
    return Weight(points, tuple(lists))
