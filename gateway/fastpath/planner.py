"""Plans operations: their root fields are collected, and the arguments parsed."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues

from gateway.cache_limits import (
    MAX_ENCODED_LISTS,
    MAX_PLANS_PER_DOCUMENT,
    MAX_QUERIES_BYTES,
    MAX_SELECTIONS,
)
from gateway.fastpath.answer_args import ANSWER_FIELDS, parse_answer_query
from gateway.fastpath.candle_args import (
    parse_candle_args,
    parse_consensus_candle_args,
    parse_live_candle_args,
    parse_live_trade_args,
)
from gateway.fastpath.encoded_list import weigh_query
from gateway.fastpath.entities import parse_entities
from gateway.fastpath.new_rates import RatesArgs
from gateway.fastpath.plan import (
    PlannedField,
    PlannedRoot,
    QueryArgs,
    QueryPlan,
    RateArgs,
    SubscriptionArgs,
    SubscriptionPlan,
)
from gateway.fastpath.repeated_list import RepeatedListQuery
from gateway.fastpath.selection import (
    TYPENAME,
    FieldCollector,
    NotOnFastPath,
    RootField,
    Selection,
)
from gateway.fastpath.single_rate import SingleRateQuery
from gateway.lru import Interner
from gateway.queries.rate_query import RateQuery
from gateway.queries.rates_query import FreshnessPolicy, OnStale, RatesQuery
from gateway.schema.arguments import UNSET, none_if_unset, read_policy, read_query
from gateway.schema.documents import CheckedDocument, OperationKey
from gateway.schema.summaries import read_summaries
from gateway.subscriptions.delivery_options import parse_delivery_options
from gateway.subscriptions.live_history import HistoryQuery
from rates.errors import RatesError

ENTITIES = "_entities"
HISTORY_PARSERS: Mapping[str, Callable[[Mapping[str, Any]], HistoryQuery]] = {
    "candles": parse_live_candle_args,
    "trades": parse_live_trade_args,
}
COVERED_QUERIES = frozenset({"rate", "rates", "candles", "consensusCandles", "summaries", ENTITIES, TYPENAME})
COVERED_SUBSCRIPTIONS = frozenset({"rate", "rates", *HISTORY_PARSERS, *ANSWER_FIELDS, TYPENAME})


class Planner:
    """Plans operations.

    The root fields of each document and set of Boolean variables are collected once, and kept with the document.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        # Requests are kept when they come again; what is cached by query and selection has those of the first one as keys.
        self._selections: Interner[Selection] = Interner(MAX_SELECTIONS)
        self._queries: Interner[RatesQuery] = Interner(
            MAX_ENCODED_LISTS, weight=MAX_QUERIES_BYTES, weigh=weigh_query
        )

    def plan_query(
        self,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
        values: VariableValues,
        key: OperationKey,
    ) -> QueryPlan | None:
        """Return the plan of a query, or `None` if the fast path does not cover it."""
        try:
            roots = self.collect_query(checked, operation, values, key)
            return tuple([self.plan_field(root) for root in roots])
        except (NotOnFastPath, GraphQLError, RatesError):
            # The executor reports the error, if there is one.
            return None

    def collect_query(
        self,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
        values: VariableValues,
        key: OperationKey,
    ) -> list[PlannedRoot]:
        """Return the root fields of a query with their arguments.

        Raises:
            NotOnFastPath, GraphQLError: the fast path does not cover it, or an argument has no value.
        """
        kind = self._schema.query_type
        assert kind
        return [
            PlannedRoot(
                root.field,
                root.before,
                None
                if root.field.name == TYPENAME
                else get_argument_values(kind.fields[root.field.name], root.details.node, values),
            )
            for root in self._find_roots(kind, checked, operation, values, key)
        ]

    def plan_subscription(
        self,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
        values: VariableValues,
        key: OperationKey,
    ) -> SubscriptionPlan | None:
        """Return the plan of a subscription, or `None` if the fast path does not cover it."""
        kind = self._schema.subscription_type
        assert kind
        try:
            roots = self._find_roots(kind, checked, operation, values, key)
            if len(roots) != 1 or roots[0].field.name == TYPENAME:
                return None
            field = kind.fields[roots[0].field.name]
            arguments = get_argument_values(field, roots[0].details.node, values)
            return SubscriptionPlan(roots[0].field, _parse_subscription_args(roots[0].field.name, arguments))
        except (NotOnFastPath, GraphQLError, RatesError):
            return None

    def _find_roots(
        self,
        kind: GraphQLObjectType,
        checked: CheckedDocument,
        operation: OperationDefinitionNode,
        values: VariableValues,
        key: OperationKey,
    ) -> tuple[RootField, ...]:
        # What is selected depends on the Booleans of directives only; arguments are parsed for each request.
        roots: tuple[RootField, ...] | None = checked.root_fields.get(key)
        if roots is None:
            collected = FieldCollector(self._schema, checked.document, operation, values).collect(kind)
            covered = COVERED_QUERIES if kind is self._schema.query_type else COVERED_SUBSCRIPTIONS
            if not covered.issuperset([root.field.name for root in collected]):
                raise NotOnFastPath
            roots = tuple([self._intern_selection(root) for root in collected])
            if len(checked.root_fields) < MAX_PLANS_PER_DOCUMENT:
                checked.root_fields[key] = roots
        return roots

    def _intern_selection(self, root: RootField) -> RootField:
        inside = root.field.inside
        if inside is None:
            return root
        return root._replace(field=root.field._replace(inside=self._selections.intern(inside)))

    def plan_field(self, root: PlannedRoot) -> PlannedField:
        """Parse the arguments of a root field that may come again.

        Raises:
            NotOnFastPath: the fast path does not cover the arguments.
            InvalidArgument: one is out of range.
        """
        if root.field.name == ENTITIES:
            assert root.arguments is not None
            assert root.field.inside is not None
            args = parse_entities(root.arguments["representations"], root.field.inside)
            return PlannedField(root.field, args, root.before, None)
        return make_field(root, root.arguments, self._queries.intern)


def make_field(
    root: PlannedRoot,
    arguments: Mapping[str, Any] | None,
    intern: Callable[[RatesQuery], RatesQuery] | None = None,
) -> PlannedField:
    """Return a root field with its parsed arguments.

    Raises:
        InvalidArgument: one is out of range.
    """
    args = None if arguments is None else parse_args(root.field.name, arguments)
    if intern is not None and isinstance(args, RatesArgs):
        args = args._replace(query=intern(args.query))
    repeated: SingleRateQuery | RepeatedListQuery | None = None
    # An age limit of the last trade is checked for each request.
    if isinstance(args, RateArgs) and args.policy.max_trade_age is None:
        assert root.field.inside is not None
        repeated = SingleRateQuery(root.field.inside, *args)
    # Ages decide which rates are in another list.
    elif isinstance(args, RatesArgs) and args.policy.on_stale is OnStale.RETURN:
        repeated = RepeatedListQuery()
    return PlannedField(root.field, args, root.before, repeated)


def parse_args(name: str, arguments: Mapping[str, Any]) -> QueryArgs:
    """Parse the arguments of a root field.

    Raises:
        InvalidArgument: one is out of range.
    """
    if name == "candles":
        return parse_candle_args(arguments)
    if name == "consensusCandles":
        return parse_consensus_candle_args(arguments)
    if name == "summaries":
        return read_summaries(arguments.get("symbols", UNSET), arguments["points"])
    policy = parse_policy(arguments)
    if name == "rate":
        return RateArgs(arguments["symbol"], none_if_unset(arguments.get("source", UNSET)), policy)
    return RatesArgs(read_query(arguments.get("symbols", UNSET), arguments.get("sources", UNSET)), policy)


def parse_policy(arguments: Mapping[str, Any]) -> FreshnessPolicy:
    """Parse the freshness that a query of rates requires.

    Raises:
        InvalidArgument: a negative age.
    """
    return read_policy(
        arguments.get("maxAgeMs", UNSET),
        OnStale(arguments["onStale"]),
        arguments.get("maxTradeAgeMs", UNSET),
    )


def _parse_subscription_args(name: str, arguments: dict[str, Any]) -> SubscriptionArgs:
    interval_ms = arguments["sampleIntervalMs"]
    if name in ANSWER_FIELDS:
        options = parse_delivery_options(interval_ms, 0, arguments.get("maxSilenceMs"))
        return SubscriptionArgs(parse_answer_query(name, arguments), options)
    after = none_if_unset(arguments.get("after", UNSET)) or None
    if name in HISTORY_PARSERS:
        options = parse_delivery_options(interval_ms, 0, arguments["maxSilenceMs"])
        return SubscriptionArgs(HISTORY_PARSERS[name](arguments), options, after)
    bps = arguments["minChangeBps"]
    policy = read_policy(
        arguments.get("maxAgeMs", UNSET), OnStale.RETURN, arguments.get("maxTradeAgeMs", UNSET)
    )
    if name == "rate":
        source = none_if_unset(arguments.get("source", UNSET))
        query = RateQuery(arguments["symbol"], source, policy)
        return SubscriptionArgs(query, parse_delivery_options(interval_ms, bps))
    return SubscriptionArgs(
        read_query(arguments.get("symbols", UNSET), arguments.get("sources", UNSET)),
        parse_delivery_options(interval_ms, bps, arguments["maxSilenceMs"], policy.max_trade_age),
        after,
    )
