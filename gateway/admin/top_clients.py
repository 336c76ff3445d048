"""The most active clients of this gateway process, in the admin schema."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from access.known_keys import KnownKeys
from gateway.admin.context import AdminInfo
from gateway.budgets.client_activity import MARK_S, Activity, ClientUsage
from gateway.schema.scalars import clamp
from rates.errors import InvalidArgument

MAX_CLIENTS = 100
_FIGURES = {
    "SPENT_POINTS": "Points spent since `since`.",
    "REFUSALS": "Operations, sockets and subscriptions refused since `since`.",
    "THROTTLED_SUBSCRIPTIONS": "Subscriptions that are throttled now.",
    "SOCKETS": "WebSockets and streams that are open now.",
    "SUBSCRIPTIONS": "Subscriptions that run now.",
}
strawberry.enum(Activity, name="ClientFigure", description="A figure by which clients are compared.")
for _value in Activity.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by the line before
    _value.description = _FIGURES[_value.name]


@strawberry.type(
    name="ClientUsage", description="The use of this gateway by one client: a key, a token, or an address."
)
class ClientUsageType:
    key_id: strawberry.ID | None = strawberry.field(
        description="The id of the key, or `token:` and the subject of a token; null for an address."
    )
    key_name: str | None = strawberry.field(
        description="The user of the key, as shown in lists; null for tokens and addresses, and for a key that this gateway has forgotten."
    )
    address: str | None = strawberry.field(
        description="The address of a client without a key, of IPv6 the /64 network; null for keys and tokens."
    )
    plan: str = strawberry.field(description="The name of the plan that limits it.")
    spent_points: int = strawberry.field(description="Points of operations since `since`.")
    refusals: int = strawberry.field(
        description="Operations, sockets and subscriptions that its budget or plan refused since `since`."
    )
    throttled_subscriptions: int = strawberry.field(
        description="Its subscriptions that get one event a second now, because its budget of streams is spent."
    )
    sockets: int = strawberry.field(description="Its WebSockets and streams that are open now.")
    subscriptions: int = strawberry.field(description="Its subscriptions that run now.")

    @classmethod
    def of(cls, usage: ClientUsage, known_keys: KnownKeys) -> Self:
        """Return the type of a usage."""
        key = usage.account.key
        key_id = None if isinstance(key, str) else key[0]
        known = None if key_id is None else known_keys.find(key_id)
        return cls(
            key_id=None if key_id is None else strawberry.ID(key_id),
            key_name=None if known is None else known.name,
            address=key if isinstance(key, str) else None,
            plan=usage.account.plan.name,
            spent_points=clamp(usage.spent_points),
            refusals=clamp(usage.refusals),
            throttled_subscriptions=usage.throttled_subscriptions,
            sockets=usage.sockets,
            subscriptions=usage.subscriptions,
        )


@strawberry.type(name="TopClients", description="The clients that use this gateway most.")
class TopClientsType:
    since: datetime = strawberry.field(
        description=f"The time from which on points and refusals are counted, {MARK_S:.0f} to {2 * MARK_S:.0f} seconds ago."
    )
    known_count: int = strawberry.field(
        description="Clients that this gateway knows: those with something open, and those of the last minute."
    )
    items: list[ClientUsageType] = strawberry.field(
        description="The clients, the most active first; none whose figure is 0."
    )


async def read_top_clients(
    info: AdminInfo,
    first: Annotated[int, strawberry.argument(description=f"How many clients, 1 to {MAX_CLIENTS}.")] = 10,
    by: Annotated[
        Activity, strawberry.argument(description="The figure that decides.")
    ] = Activity.SPENT_POINTS,
) -> TopClientsType:
    """Find them among the accounts of this process.

    Raises:
        InvalidArgument: the number is out of range.
    """
    if not 1 <= first <= MAX_CLIENTS:
        raise InvalidArgument("first", first, f"1 to {MAX_CLIENTS}")
    top = await info.context.activity.find_top(first, by)
    return TopClientsType(
        since=top.since,
        known_count=top.known_count,
        items=[ClientUsageType.of(each, info.context.known_keys) for each in top.clients],
    )
