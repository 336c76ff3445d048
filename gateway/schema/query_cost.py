"""The cost of an operation, computed before it runs.

One point is about a microsecond of the processor. Lists are sized by their arguments and by the tracked instruments, and the
figures are upper bounds, measured with nothing cached.
"""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_argument_values,
)
from graphql.execution.values import VariableValues

from access.scope import AccessScope
from gateway.budgets.open_stream import StreamCost
from gateway.cache_limits import MAX_PLANS_PER_DOCUMENT
from gateway.schema.documents import CheckedDocument, OperationKey
from gateway.schema.field_scopes import needed_scopes
from gateway.schema.introspection_cost import (
    IN_THREAD,
    SCHEMA,
    SERVICE,
    TYPE,
    IntrospectionCounter,
    cost_in_thread,
)
from gateway.schema.root_points import SUBSCRIBE
from gateway.schema.root_size import (
    FIXED,
    UNPRICED,
    CountServed,
    PlannedQuery,
    RootSize,
    RootSizes,
    SizedCatalog,
    count_none,
)
from gateway.schema.selected import FieldSelector, SelectedField
from gateway.schema.selection_weight import EXECUTOR, FAST_PATH, ROOT, ListSize, Weight, weigh_items
from gateway.schema.stream_cost import COUNT_FIELDS, read_options, stream_cost
from gateway.subscriptions.delivery_options import DeliveryOptions

DESCRIBING = frozenset({SCHEMA, TYPE})
"""The root fields that describe the schema in objects. `_service` has its SDL."""
# Sums of the same numbers in another order differ in later digits.
DIGITS = 6


class RootCost(NamedTuple):
    """The weight of a root field on either path. `node` has its arguments."""

    name: str
    node: FieldNode
    executed: Weight
    on_fast_path: Weight
    fields: Weight


class CompiledCost(NamedTuple):
    """The part of a cost that depends on no variable, except for Booleans in directives."""

    parent: GraphQLObjectType
    roots: tuple[RootCost, ...]
    subscribing: float = 0
    """The points of beginning and ending a subscription."""
    in_thread: float = 0
    """The points of an operation that only describes the schema, which `roots` have not; 0 for all others."""
    is_introspection: bool = False
    """Whether a root field describes the schema."""
    scopes: frozenset[AccessScope] = frozenset()
    """The scopes that its sender needs."""


class RatesCost(NamedTuple):
    """The points of a root field of the fast path: its own, and of each rate and symbol."""

    points: float
    rate: float = 0.0
    symbol: float = 0.0


class CostModel:
    """Computes costs for one schema over the instruments of `catalog`.

    Costs far beyond `limit` are not computed to the end.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        catalog: SizedCatalog,
        *,
        max_page: int,
        max_symbols: int,
        limit: int,
        count_served: CountServed = count_none,
    ) -> None:
        self._schema = schema
        self._sizes = RootSizes(
            catalog, max_page=max_page, max_symbols=max_symbols, count_served=count_served
        )
        self.limit = limit
        """Points that an operation may cost."""

    def compile(
        self,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
        values: VariableValues,
        key: OperationKey,
    ) -> CompiledCost:
        """Weigh the selections of a valid operation, once for each key."""
        compiled: CompiledCost | None = checked.costs.get(key)
        if compiled is None:
            compiled = self._compile(checked, operation, values)
            if len(checked.costs) < MAX_PLANS_PER_DOCUMENT:
                checked.costs[key] = compiled
        return compiled

    def _compile(
        self, checked: CheckedDocument, operation: OperationDefinitionNode, values: VariableValues
    ) -> CompiledCost:
        parent = self._schema.get_root_type(operation.operation)
        assert parent is not None
        selected = FieldSelector(self._schema, checked.document, operation, values).select(parent)
        names = [field.name for field in selected]
        describing = [field for field in selected if field.name in DESCRIBING]
        if describing and all(name.startswith("__") for name in names):
            counter = IntrospectionCounter(self._schema, self.limit / IN_THREAD)
            in_thread = cost_in_thread([counter.count(field) for field in describing])
            return CompiledCost(parent, (), in_thread=in_thread + len(selected), is_introspection=True)
        described = IntrospectionCounter(self._schema, self.limit) if describing else None
        roots = tuple([self._weigh_root(parent, field, described) for field in selected])
        return CompiledCost(
            parent,
            roots,
            subscribing=SUBSCRIBE if operation.operation is OperationType.SUBSCRIPTION else 0,
            is_introspection=bool(describing) or SERVICE in names,
            scopes=needed_scopes(selected),
        )

    def query_cost(self, compiled: CompiledCost, values: VariableValues) -> int:
        """Return the points of an operation that is executed."""
        points = compiled.in_thread + compiled.subscribing
        for root in compiled.roots:
            size = self._size(compiled.parent, root, values)
            points += size.points + root.executed.sum(
                {**size.lists, ListSize.TRACKED: self._sizes.count_all()}
            )
        return ceil(round(points, DIGITS))

    def planned_cost(
        self, compiled: CompiledCost, queries: Iterable[PlannedQuery | None], *, may_fail: bool
    ) -> int:
        """Return the points of an operation that the fast path covers.

        `queries` are those of its root fields, if they have lists. An operation that may fail is executed then.
        """
        points = compiled.subscribing
        for root, query in zip(compiled.roots, queries, strict=True):
            size = FIXED.get(root.name, UNPRICED) if query is None else self._sizes.by_query(query)
            points += size.points + (root.executed if may_fail else root.on_fast_path).sum(size.lists)
        return ceil(round(points, DIGITS))

    def stream_cost(self, compiled: CompiledCost, values: VariableValues) -> StreamCost:
        """Return the points a second of a subscription."""
        root = compiled.roots[0]
        size = self._size(compiled.parent, root, values)
        try:
            arguments = get_argument_values(compiled.parent.fields[root.name], root.node, values)
        except GraphQLError:
            # The execution reports it.
            arguments = {}
        return stream_cost(root.fields.sum(size.lists), read_options(arguments))

    def planned_stream_cost(
        self, compiled: CompiledCost, query: PlannedQuery | None, options: DeliveryOptions
    ) -> StreamCost:
        """Return the points a second of a subscription that the fast path covers."""
        root = compiled.roots[0]
        size = FIXED.get(root.name, UNPRICED) if query is None else self._sizes.by_query(query)
        return stream_cost(root.fields.sum(size.lists), options)

    def compile_rates(self, compiled: CompiledCost, *, may_fail: bool) -> tuple[RatesCost, ...]:
        """Return what root fields that the fast path covers cost, whatever symbols they name."""

        def measure(root: RootCost, rates: int, symbols: int) -> float:
            size = self._sizes.of_counts(root.name, rates, symbols)
            return size.points + (root.executed if may_fail else root.on_fast_path).sum(size.lists)

        found = []
        for root in compiled.roots:
            points = measure(root, 0, 0)
            found.append(RatesCost(points, measure(root, 1, 0) - points, measure(root, 0, 1) - points))
        return tuple(found)

    def rates_cost(self, costs: tuple[RatesCost, ...], queries: Iterable[Sequence[str] | None]) -> int:
        """Return the points of root fields with these symbols, as `planned_cost` does."""
        points = 0.0
        for cost, symbols in zip(costs, queries, strict=True):
            points += cost.points
            if symbols is not None:
                rates, count = self._sizes.count_rates(symbols)
                points += cost.rate * rates + cost.symbol * count
        return ceil(round(points, DIGITS))

    def _weigh_root(
        self, parent: GraphQLObjectType, field: SelectedField, counter: IntrospectionCounter | None
    ) -> RootCost:
        if counter is not None and field.name in DESCRIBING:
            weight = Weight(counter.count(field))
            return RootCost(field.name, field.node, weight, weight, weight)
        return RootCost(
            field.name,
            field.node,
            weigh_items(parent, field, EXECUTOR),
            weigh_items(parent, field, FAST_PATH),
            weigh_items(parent, field, COUNT_FIELDS),
        )

    def _size(self, parent: GraphQLObjectType, root: RootCost, values: VariableValues) -> RootSize:
        field = parent.fields.get(root.name)
        if field is None:
            # Introspection.
            return UNPRICED
        try:
            return self._sizes.by_arguments(root.name, get_argument_values(field, root.node, values))
        except GraphQLError:
            # The execution reports it.
            return RootSize(ROOT, {})
