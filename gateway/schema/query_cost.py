"""The cost of an operation, computed before it runs.

One point is about a microsecond of the processor. Lists are sized by their arguments and by the tracked instruments, and the
figures are upper bounds, measured with nothing cached.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from math import ceil
from typing import Any, NamedTuple
from typing import Protocol as Role

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    get_argument_values,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.type import GraphQLNamedType

from gateway.cache_limits import MAX_PLANS_PER_DOCUMENT
from gateway.queries.consensus.rates_query import MAX_CONSENSUS_SYMBOLS, ConsensusRatesQuery
from gateway.queries.conversion.conversions_query import MAX_CONVERSIONS, ConversionsQuery
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate_reader import NEAR_LOOKUPS
from gateway.queries.rates_query import RatesQuery
from gateway.schema.global_id import MAX_NODES
from gateway.schema.introspection_cost import introspection_cost, is_introspection
from gateway.schema.selected import SelectedField
from gateway.state.instrument_pages import DEFAULT_PAGE, MAX_PAGE
from gateway.state.instrument_search import count_words
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

BooleanVariables = tuple[tuple[str, bool], ...]
PlannedQuery = RatesQuery | ConsensusRatesQuery | ConversionsQuery | ConversionQuery
"""Queries whose size decides what a root field costs."""


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
    ("Instrument", "rates"): ListSize.SOURCES,
    ("Query", "nodes"): ListSize.NODES,
    ("Query", "sources"): ListSize.SOURCES,
    ("Subscription", "sources"): ListSize.SOURCES,
}
"""The lists of the schema. Lists of names without selections (`sources { silent }`) count as leaves."""

# Points of a root field, besides those of its selection.
_ROOT = 20
_FIND_NEAR = 250
_CONSENSUS = 100
_CONVERT = 400
_SOURCES = 400
_MAX_LEGS = 4
# Points for each requested symbol, which may be unknown.
_SYMBOL = 8
# Points for each tracked instrument of a condition, of a search, and of each word of it.
_FILTERED, _SEARCHED, _SEARCHED_WORD = 0.2, 1, 0.4
# Points for each tracked instrument of a conversion, and of a conversion over sources of its own.
_CONNECTED, _CONNECTED_ANEW = 1, 3
_PAGED = 5


# Points of fields inside objects that are computed when they are selected.
COMPUTED = {
    ("Rate", "instrument"): 10,
    ("Instrument", "rate"): 40,
    ("Instrument", "rates"): 80,
    ("Source", "status"): 80,
}
PAGES_INSIDE = {("Source", "instruments"), ("Asset", "instruments")}
MAX_WORDS = 8
# Lengths of lists inside objects, whatever the root field.
_LENGTHS = {ListSize.SOURCES: len(Source), ListSize.LEGS: _MAX_LEGS}


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


class RootCost(NamedTuple):
    """The weight of a root field on either path. `node` has its arguments."""

    name: str
    node: FieldNode
    executed: Weight
    on_fast_path: Weight


class CompiledCost(NamedTuple):
    """The part of a cost that depends on no variable, except for Booleans in directives."""

    parent: GraphQLObjectType
    roots: tuple[RootCost, ...]


CompiledCosts = dict[tuple[str | None, BooleanVariables], CompiledCost]
"""Costs of the operations of one document."""


class CostModel:
    """Computes costs for one schema over the instruments of `catalog`.

    Costs far beyond `limit` are not computed to the end.
    """

    def __init__(
        self, schema: GraphQLSchema, catalog: SizedCatalog, *, max_page: int, max_symbols: int, limit: int
    ) -> None:
        self._schema = schema
        self._catalog = catalog
        self._max_page, self._max_symbols = max_page, max_symbols
        self._limit = limit
        self._counted: tuple[str, Counter[Source]] = "", Counter()

    def compile(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        values: VariableValues,
        known: CompiledCosts,
    ) -> CompiledCost:
        """Weigh the selections of a valid operation.

        Looked up in `known` by its name and Boolean variables first.
        """
        key = operation.name.value if operation.name else None, boolean_variables(values)
        compiled = known.get(key)
        if compiled is None:
            compiled = self._compile(document, operation, values)
            if len(known) < MAX_PLANS_PER_DOCUMENT:
                known[key] = compiled
        return compiled

    def _compile(
        self, document: DocumentNode, operation: OperationDefinitionNode, values: VariableValues
    ) -> CompiledCost:
        parent = self._schema.get_root_type(operation.operation)
        assert parent is not None
        selected = _Selector(self._schema, document, operation, values).select(parent)
        roots: list[RootCost] = []
        for field in selected:
            # Counting introspection takes time itself.
            is_beyond = sum(root.executed.points for root in roots if not root.executed.lists) > self._limit
            roots.append(roots[-1] if is_beyond else self._weigh_root(parent, field))
        return CompiledCost(parent, tuple(roots))

    def query_cost(self, compiled: CompiledCost, values: VariableValues) -> int:
        """Return the points of an operation that is executed."""
        points = 0.0
        for root in compiled.roots:
            size = self._size(compiled.parent, root, values)
            points += size.points + root.executed.sum({**size.lists, ListSize.TRACKED: self._count_all()})
        return ceil(points)

    def planned_cost(
        self, compiled: CompiledCost, queries: Iterable[PlannedQuery | None], *, may_fail: bool
    ) -> int:
        """Return the points of an operation that the fast path covers.

        `queries` are those of its root fields, if they have lists. An operation that may fail is executed then.
        """
        points = 0.0
        for root, query in zip(compiled.roots, queries, strict=True):
            size = _FIXED.get(root.name, _NEITHER) if query is None else self._size_query(query)
            points += size.points + (root.executed if may_fail else root.on_fast_path).sum(size.lists)
        return ceil(points)

    def _weigh_root(self, parent: GraphQLObjectType, field: SelectedField) -> RootCost:
        if is_introspection(field):
            weight = Weight(introspection_cost(self._schema, field, self._limit))
            return RootCost(field.name, field.node, weight, weight)
        return RootCost(
            field.name,
            field.node,
            _weigh_items(parent, field, EXECUTOR),
            _weigh_items(parent, field, FAST_PATH),
        )

    def _size(self, parent: GraphQLObjectType, root: RootCost, values: VariableValues) -> "_RootSize":
        field = parent.fields.get(root.name)
        if field is None:
            # Introspection.
            return _NEITHER
        try:
            return self._size_by_arguments(root.name, get_argument_values(field, root.node, values))
        except GraphQLError:
            # The execution reports it.
            return _RootSize(_ROOT, {})

    def _size_by_arguments(self, name: str, arguments: Mapping[str, Any]) -> "_RootSize":
        match name:
            case "rates":
                return self._size_rates(
                    RatesQuery(_read_list(arguments.get("symbols")), _read_list(arguments.get("sources")))
                )
            case "instruments":
                return self._size_page(arguments)
            case "consensusRates":
                return self._size_consensuses(arguments["symbols"])
            case "node" | "nodes":
                ids = arguments.get("ids", [arguments.get("id")])
                return _RootSize(sum(map(self._size_node, ids[:MAX_NODES])), {ListSize.NODES: len(ids)})
            case "conversion" | "convert" | "conversions":
                own = bool(arguments.get("sources")) or bool(arguments.get("stablecoinsAsUsd"))
                return self._size_conversions(len(arguments.get("input", (None,))), has_own_graph=own)
            case _:
                return _FIXED[name]

    def _size_query(self, query: PlannedQuery) -> "_RootSize":
        match query:
            case RatesQuery():
                return self._size_rates(query)
            case ConsensusRatesQuery():
                return self._size_consensuses([each.symbol for each in query.queries])
            case ConversionsQuery() | ConversionQuery():
                queries = query.queries if isinstance(query, ConversionsQuery) else (query,)
                own = any(each.sources or each.stablecoins_as_usd for each in queries)
                return self._size_conversions(len(queries), has_own_graph=own)

    def _size_consensuses(self, symbols: Collection[Symbol]) -> "_RootSize":
        wanted = set(symbols)
        count = len(wanted) if len(wanted) <= MAX_CONSENSUS_SYMBOLS else 0
        missing = sum(not self._catalog.sources_of(each) for each in wanted) if count else 0
        return _RootSize(
            _ROOT + _CONSENSUS * count + _FIND_NEAR * min(missing, NEAR_LOOKUPS),
            {ListSize.ANSWERS: count, ListSize.WITHOUT_ANSWER: missing, ListSize.SOURCES: len(Source)},
        )

    def _size_conversions(self, count: int, *, has_own_graph: bool) -> "_RootSize":
        if count > MAX_CONVERSIONS:
            # The execution refuses it.
            count = 0
        graph = len(self._catalog.tracked) * (_CONNECTED_ANEW if has_own_graph else _CONNECTED)
        return _RootSize(
            _CONVERT * count + graph,
            {ListSize.ANSWERS: count, ListSize.WITHOUT_ANSWER: count, ListSize.LEGS: _MAX_LEGS},
        )

    def _size_page(self, arguments: Mapping[str, Any]) -> "_RootSize":
        lengths = [each for name in ("first", "last") if (each := arguments.get(name)) is not None]
        page = min(max([0, *lengths]), self._max_page) if lengths else DEFAULT_PAGE
        wanted = arguments.get("filter") or {}
        words = count_words(wanted.get("search") or "")
        conditions = sum(each is not None for each in wanted.values())
        scanned = _FILTERED * conditions + (_SEARCHED + _SEARCHED_WORD * words if words else 0)
        return _RootSize(_ROOT + scanned * self._count_all() + _PAGED * page, {ListSize.PAGE: page})

    def _size_node(self, global_id: str) -> float:
        match global_id.partition(":")[0]:
            case "ConsensusRate":
                return _CONSENSUS + _FIND_NEAR
            case "Conversion":
                return _CONVERT + _CONNECTED_ANEW * len(self._catalog.tracked)
            case _:
                return _ROOT

    def _count_all(self) -> int:
        return len(self._catalog.tracked) + len(self._catalog.halted)

    def _size_rates(self, query: RatesQuery) -> "_RootSize":
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
        return _RootSize(_ROOT + _SYMBOL * missing, {ListSize.RATES: rates, ListSize.SYMBOLS: missing})

    def _count_by_source(self) -> Counter[Source]:
        version, counts = self._counted
        if version != self._catalog.version:
            counts = Counter(key.source for key in self._catalog.tracked)
            self._counted = self._catalog.version, counts
        return counts


class _RootSize(NamedTuple):
    """Points of a root field itself, and the lengths of its lists."""

    points: float
    lists: Mapping[ListSize, int]


# Of `__typename` and introspection.
_NEITHER = _RootSize(0, {})
_FIXED = {
    "instrument": _RootSize(_ROOT + _FIND_NEAR, {}),
    "asset": _RootSize(_ROOT + _FIND_NEAR, {}),
    "source": _RootSize(_ROOT, {}),
    "rate": _RootSize(_ROOT + _FIND_NEAR, {}),
    "sources": _RootSize(_SOURCES, {ListSize.SOURCES: len(Source)}),
    "consensusRate": _RootSize(_CONSENSUS + _FIND_NEAR, {ListSize.SOURCES: len(Source)}),
}
"""The sizes of root fields that depend on no argument."""


def _read_list(value: list[Any] | None) -> tuple[Any, ...] | None:
    return tuple(value) if isinstance(value, list) else None


def boolean_variables(values: VariableValues) -> BooleanVariables:
    """Return the Boolean variables: those that directives may depend on."""
    return tuple((name, value) for name, value in values.coerced.items() if isinstance(value, bool))


def _weigh_items(parent: GraphQLObjectType, field: SelectedField, weights: Weights) -> Weight:
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
    searched = _SEARCHED + MAX_WORDS * _SEARCHED_WORD if "filter" in arguments else 0
    scan = Weight(2 * _FILTERED + searched)
    lists = [(page if size is ListSize.PAGE else size, item) for size, item in weight.lists]
    return Weight(weight.points + _ROOT + _PAGED * page, (*lists, (ListSize.TRACKED, scan)))


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
        weight = _weigh_items(kind, child, weights)
        points += weight.points
        lists += weight.lists
    return Weight(points, tuple(lists))


class _Selector:
    """Collects the fields of one operation with the functions of the executor."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._fragments = {
            each.name.value: FragmentDetails(each)
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }

    def select(self, root: GraphQLObjectType) -> tuple[SelectedField, ...]:
        """Return the root fields with what is selected in them."""
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return self._select(root, found)

    def _select(self, parent: GraphQLObjectType, found: CollectedFields) -> tuple[SelectedField, ...]:
        return tuple(self._select_field(parent, details) for details in found.grouped_field_set.values())

    def _select_field(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> SelectedField:
        node = details[0].node
        definition = self._schema.get_field(parent, node.name.value)
        assert definition is not None, "the document is valid"
        named = get_named_type(definition.type)
        kinds = tuple(
            (kind, self._select(kind, self._collect_subfields(kind, details)))
            for kind in self._list_object_types(named)
        )
        return SelectedField(node.name.value, node, kinds)

    def _collect_subfields(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> CollectedFields:
        return collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, details
        )

    def _list_object_types(self, named: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
        if is_leaf_type(named):
            return ()
        if is_abstract_type(named):
            return self._schema.get_possible_types(named)
        assert isinstance(named, GraphQLObjectType)
        return (named,)
