"""The GraphQL types and fields of budgets: what is left, and what an operation would cost."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON

from gateway.request import GraphQLRequest
from gateway.schema.arguments import UNSET, none_if_unset
from gateway.schema.context import Info
from gateway.schema.field import described
from rates.errors import InvalidArgument

Document = Annotated[str, strawberry.argument(description="The document. It is not executed.")]
Variables = Annotated[
    JSON | None, strawberry.argument(description="The variables, as an object of names and values.")
]
OperationName = Annotated[
    str | None, strawberry.argument(description="The operation, if the document has several.")
]


@strawberry.type(name="StreamBudget", description="The budget of your streams, in points a second.")
class StreamBudgetType:
    limit: int | None = described("The points that your streams may cost each second; null for no limit.")
    used: int = described("The points that your streams cost each second, on all gateways.")
    throttled: int = described(
        "Your subscriptions on this gateway that get one event a second, until the budget allows more."
    )


@strawberry.type(
    name="Budget", description="The budget of your key, or of your address without one, in points."
)
class BudgetType:
    plan: str = described("The name of your plan.")
    limit: int | None = described("The points of each window; null for no limit.")
    window_seconds: int = described("The length of a window in seconds. Points come back evenly.")
    remaining: int | None = described(
        "The points that are left, as far as this gateway knows, after this query; null for no limit."
    )
    resets_at: datetime = described("The time at which all points are available again.")
    streams: StreamBudgetType = described("The budget of your streams.")


@strawberry.type(name="OperationCost", description="The cost of an operation, an upper bound, in points.")
class OperationCostType:
    points: int = described("The points of one execution; of a subscription, those of its largest event.")
    limit: int = described("The most points that one operation may cost.")
    points_per_second: int | None = described(
        "The points that a subscription costs each second while it runs; null for a query."
    )


def resolve_budget(info: Info) -> BudgetType | None:
    """Return the budget of the client; `None` without a transport."""
    context = info.context
    account, accounts = context.account, context.accounts
    if account is None or accounts is None:
        return None
    context.metadata.no_store = True
    state = accounts.state(account)
    return BudgetType(
        plan=account.plan.name,
        limit=state.limit,
        window_seconds=account.plan.window_s,
        remaining=state.remaining,
        resets_at=accounts.resets_at(account),
        streams=StreamBudgetType(
            limit=account.plan.stream_points,
            used=account.stream_points + account.other_stream_points,
            throttled=len(account.throttled),
        ),
    )


def resolve_cost(
    info: Info, document: Document, variables: Variables = UNSET, operation_name: OperationName = UNSET
) -> OperationCostType | None:
    """Return the cost of an operation, which is prepared and not executed."""
    values = none_if_unset(variables)
    if values is not None and not isinstance(values, Mapping):
        raise InvalidArgument("variables", values, "an object of names and values")
    assert info.context.price is not None, "operations set it"
    request = GraphQLRequest(
        document, None if values is None else dict(values), none_if_unset(operation_name)
    )
    price = info.context.price(request)
    if price.error is not None:
        raise GraphQLError(price.error["message"], extensions=price.error["extensions"])
    return OperationCostType(
        points=price.points, limit=price.limit, points_per_second=price.points_per_second
    )
