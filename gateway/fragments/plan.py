"""An operation as this path sees it: root fields that answer with rates, what is wanted of each, and what each is asked."""

from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues

from gateway.consensus.question import ConsensusMethod, ConsensusQuestion
from gateway.fragments.kept import Kept
from gateway.fragments.selection import TYPENAME, Collector, NotCovered, RootField
from gateway.fragments.spot import Spot
from gateway.fragments.writing import label
from gateway.pace import Pace, parse_pace
from gateway.question import Demand, OnStale, Question
from gateway.request import GraphQLRequest
from gateway.schema.arguments import UNSET, given, read_demand, read_question
from gateway.schema.consensus import read_consensus
from gateway.schema.documents import MAX_KEPT_LENGTH
from rates.errors import RatesError
from rates.source import Source
from rates.symbol import Symbol

COVERED_QUERIES = frozenset({"rate", "rates", TYPENAME})
COVERED_SUBSCRIPTIONS = frozenset({"rate", "rates", "consensusRate", TYPENAME})
MAX_PLANS = 1_024

Switches = tuple[tuple[str, bool], ...]
PlanKey = tuple[str, str | None, Switches]


class RateAsk(NamedTuple):
    """What `rate` is asked."""

    symbol: Symbol
    source: Source | None
    demand: Demand


class RatesAsk(NamedTuple):
    """What `rates` is asked."""

    question: Question
    demand: Demand


class Asked(NamedTuple):
    """One root field and what it is asked; `None` for the name of the type. `before` is what stands before its value in the
    answer; `spot` is where the answer of `rate` is.
    """

    root: RootField
    ask: RateAsk | RatesAsk | None
    before: bytes
    spot: Spot | None


Plan = tuple[Asked, ...]


class RateWatch(NamedTuple):
    """What the subscription `rate` is asked."""

    symbol: Symbol
    source: Source | None
    pace: Pace


class RatesWatch(NamedTuple):
    """What the subscription `rates` is asked."""

    question: Question
    pace: Pace
    after: str | None


class ConsensusWatch(NamedTuple):
    """What the subscription `consensusRate` is asked."""

    question: ConsensusQuestion
    pace: Pace


class Watch(NamedTuple):
    """The one field of a subscription and what it is asked."""

    root: RootField
    ask: RateWatch | RatesWatch | ConsensusWatch


class Plans:
    """Makes the plans of operations. What is wanted is worked out once for each document and setting of its switches."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._roots: Kept[PlanKey, tuple[RootField, ...]] = Kept(size=MAX_PLANS)

    def plan_query(
        self,
        request: GraphQLRequest,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        values: VariableValues,
    ) -> Plan | None:
        """The plan of a query; `None` if this path does not cover it."""
        assert self._schema.query_type
        fields = self._schema.query_type.fields
        try:
            roots = self._read_roots(self._schema.query_type, request, document, operation, values)
            asks = [
                None
                if root.field.name == TYPENAME
                else _read_ask(
                    root.field.name, get_argument_values(fields[root.field.name], root.details.node, values)
                )
                for root in roots
            ]
            return tuple(map(_make_asked, range(len(roots)), roots, asks))
        except (NotCovered, GraphQLError, RatesError):
            # The plain path says what is wrong, if anything is.
            return None

    def plan_subscription(
        self,
        request: GraphQLRequest,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        values: VariableValues,
    ) -> Watch | None:
        """The plan of a subscription; `None` if this path does not cover it."""
        kind = self._schema.subscription_type
        assert kind
        try:
            roots = self._read_roots(kind, request, document, operation, values)
            if len(roots) != 1 or roots[0].field.name == TYPENAME:
                return None
            field = kind.fields[roots[0].field.name]
            arguments = get_argument_values(field, roots[0].details.node, values)
            return Watch(roots[0], _read_watch(roots[0].field.name, arguments))
        except (NotCovered, GraphQLError, RatesError):
            return None

    def _read_roots(
        self,
        kind: GraphQLObjectType,
        request: GraphQLRequest,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        values: VariableValues,
    ) -> tuple[RootField, ...]:
        # Only directives take booleans: no argument of a covered field does.
        switches = tuple((name, value) for name, value in values.coerced.items() if isinstance(value, bool))
        key = request.query, request.operation_name, switches
        roots = self._roots.read(key)
        if roots is None:
            roots = Collector(self._schema, document, operation, values).collect(kind)
            covered = COVERED_QUERIES if kind is self._schema.query_type else COVERED_SUBSCRIPTIONS
            if any(root.field.name not in covered for root in roots):
                raise NotCovered
            if len(request.query) <= MAX_KEPT_LENGTH:
                self._roots.keep(key, roots)
        return roots


def _make_asked(number: int, root: RootField, ask: RateAsk | RatesAsk | None) -> Asked:
    before = (b"," if number else b'{"data":{') + label(root.field.key)
    spot = None
    if isinstance(ask, RateAsk):
        assert root.field.inside is not None
        spot = Spot(root.field.inside, *ask)
    return Asked(root, ask, before, spot)


def _read_ask(name: str, arguments: dict[str, Any]) -> RateAsk | RatesAsk:
    demand = read_demand(arguments.get("maxAgeMs", UNSET), OnStale(arguments["onStale"]))
    if name == "rate":
        return RateAsk(arguments["symbol"], given(arguments.get("source", UNSET)), demand)
    return RatesAsk(read_question(arguments.get("symbols", UNSET), arguments.get("sources", UNSET)), demand)


def _read_watch(name: str, arguments: dict[str, Any]) -> RateWatch | RatesWatch | ConsensusWatch:
    interval_ms = arguments["sampleIntervalMs"]
    if name == "consensusRate":
        return ConsensusWatch(_read_consensus(arguments), parse_pace(interval_ms, 0))
    bps = arguments["minChangeBps"]
    if name == "rate":
        source = given(arguments.get("source", UNSET))
        return RateWatch(arguments["symbol"], source, parse_pace(interval_ms, bps))
    question = read_question(arguments.get("symbols", UNSET), arguments.get("sources", UNSET))
    pace = parse_pace(interval_ms, bps, arguments["maxSilenceMs"])
    return RatesWatch(question, pace, given(arguments.get("after", UNSET)))


def _read_consensus(arguments: dict[str, Any]) -> ConsensusQuestion:
    return read_consensus(
        symbol=arguments["symbol"],
        method=ConsensusMethod(arguments["method"]),
        min_sources=arguments["minSources"],
        max_age_ms=arguments.get("maxAgeMs", UNSET),
        max_deviation_bps=arguments["maxDeviationBps"],
        sources=arguments.get("sources", UNSET),
    )
