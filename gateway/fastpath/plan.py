"""Plans of operations: the root fields with their selections and parsed arguments."""

from typing import Any, NamedTuple

from gateway.fastpath.entities import EntitiesQuery
from gateway.fastpath.new_rates import NewRatesArgs, RatesArgs
from gateway.fastpath.repeated_list import RepeatedListQuery
from gateway.fastpath.selection import Field
from gateway.fastpath.single_rate import SingleRateQuery
from gateway.queries.candles.query import CandlesQuery
from gateway.queries.consensus_candles.query import ConsensusCandlesQuery
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from gateway.queries.summaries.query import SummariesQuery
from gateway.schema.root_size import EntityCount, PlannedQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.live_queries import Query
from rates.source import Source
from rates.symbol import Symbol


class RateArgs(NamedTuple):
    """The parsed arguments of `rate`."""

    symbol: Symbol
    source: Source | None
    policy: FreshnessPolicy


QueryArgs = (
    RateArgs
    | RatesArgs
    | NewRatesArgs
    | CandlesQuery
    | ConsensusCandlesQuery
    | SummariesQuery
    | EntitiesQuery
)


class PlannedRoot(NamedTuple):
    """A root field, the bytes before its value, and its arguments: `None` for `__typename`."""

    field: Field
    before: bytes
    arguments: dict[str, Any] | None


class PlannedField(NamedTuple):
    """A root field and its arguments, which are `None` for `__typename`.

    It holds no document. `before` are the bytes before its value in the response. `repeated` finds the result of a query that
    comes again. `is_new`: these arguments may never come again, so nothing is kept for them.
    """

    field: Field
    args: QueryArgs | None
    before: bytes
    repeated: SingleRateQuery | RepeatedListQuery | None
    is_new: bool = False


QueryPlan = tuple[PlannedField, ...]


class SubscriptionArgs(NamedTuple):
    """The parsed arguments of a subscription."""

    query: Query
    options: DeliveryOptions
    cursor: str | None = None


class SubscriptionPlan(NamedTuple):
    """The only root field of a subscription, and its arguments."""

    field: Field
    args: SubscriptionArgs


def list_planned_queries(plan: QueryPlan) -> tuple[list[PlannedQuery | None], bool]:
    """Return the query of each list, and whether a root field may fail and have all executed."""
    queries: list[PlannedQuery | None] = []
    may_fail = False
    for field in plan:
        args = field.args
        match args:
            case CandlesQuery() | ConsensusCandlesQuery() | SummariesQuery():
                queries.append(args)
                # Alone, it is not executed but for its error.
                may_fail = may_fail or len(plan) > 1
            case EntitiesQuery():
                # Missing ones are null, and never an error.
                queries.append(EntityCount(len(args.keys)))
            case RatesArgs():
                queries.append(args.query)
                may_fail = may_fail or args.policy.on_stale is OnStale.ERROR
            case _:
                queries.append(None)
                may_fail = may_fail or args is not None
    return queries, may_fail
