"""Libraries of clients with a key whose budget is spent, as they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from gateway.budgets.account_registry import Accounts
from tests.gateway.budgets.test_charged_transports import DAY_S, spend_all
from tests.gateway.fakes import TIMEOUT_S
from tests.gateway.node_client import node_client
from tests.gateway.rate_limit_header import read_field
from tests.gateway.raw_socket import RATES
from tests.gateway.test_keys import QUERY, Keyed, Serve, bearer, keyed

__all__ = ["keyed"]

pytestmark = pytest.mark.servers

POINTS = 3_000
OVER_HTTP = {"apollo", "apollo multipart", "urql", "urql events", "graphql-sse"}
OVER_SOCKETS = {"apollo graphql-ws", "graphql-ws", "urql graphql-ws", "subscriptions-transport-ws"}


@asynccontextmanager
async def spent(keyed: Serve, **configured: object) -> AsyncIterator[tuple[Keyed, str]]:
    """Serve to holders of keys; yield a key of which next to nothing is left for hours."""
    plans = {**SHIPPED_PLANS, "small": PlanLimits(points=POINTS, window_s=DAY_S).named("small")}
    accounts = Accounts(MemoryLeaseStore(), plans, grace_s=60)
    async with keyed(anonymous=False, accounts=accounts, **configured) as gateway:
        created = gateway.create(plan="small")
        async with gateway.served.client(headers=bearer(created)) as client:
            await spend_all(client)
        yield gateway, created.text


async def test_libraries_of_javascript_are_told_of_a_spent_budget_as_they_expect_it(keyed: Serve) -> None:
    """By a status and its header fields, or by an `error` message on a socket that stays open."""
    async with (
        spent(keyed) as (gateway, key),
        node_client("spent.mjs", f"{gateway.served.http}/graphql", key) as node,
    ):
        seen: dict[str, Any] = {}
        while "sockets" not in seen:
            line = await node.line()
            seen[line["client"]] = line
        await node.ends()
    assert set(seen) == {*OVER_HTTP, *OVER_SOCKETS, "graphql-sse single", "sockets"}
    for name in OVER_HTTP:
        answer = seen[name]["answer"]
        assert answer["status"] == 429, name
        assert int(answer["retry-after"]) > 0
        assert read_field(answer["ratelimit"])[1]["r"] < POINTS
        assert read_field(answer["ratelimit-policy"])[1] == {"q": POINTS, "qu": "points", "w": DAY_S}
    # It has the response, and reads no body of a status that is not its own.
    assert seen["graphql-sse"]["seen"]["status"] == 429
    for name in (*OVER_HTTP - {"graphql-sse"}, *OVER_SOCKETS, "graphql-sse single"):
        assert seen[name]["seen"]["code"] == "BUDGET_EXHAUSTED", name
        # Those of subscriptions-transport-ws are plain errors with what the server sent.
        assert seen[name]["seen"]["retryAfterMs"] > 0, name
    assert seen["sockets"]["seen"] == {"sockets": 1}


async def test_gql_is_told_of_a_spent_budget(keyed: Serve) -> None:
    """It raises the error of the answer; a WebSocket stays open for the next operation."""
    async with spent(keyed) as (gateway, key), asyncio.timeout(TIMEOUT_S):
        headers = {"Authorization": f"Bearer {key}"}
        url = f"{gateway.served.http}/graphql"
        async with Client(transport=HTTPXAsyncTransport(url=url, headers=headers)) as session:
            with pytest.raises(TransportQueryError) as over_http:
                await session.execute(gql(QUERY))
        transport = WebsocketsTransport(url=gateway.served.ws, init_payload=headers)
        over_socket = []
        async with Client(transport=transport) as session:
            for _ in range(2):
                with pytest.raises(TransportQueryError) as refused:
                    await anext(aiter(session.subscribe(gql(RATES))))
                over_socket.append(refused.value)
    for error in (over_http.value, *over_socket):
        assert error.errors is not None
        assert error.errors[0]["extensions"]["code"] == "BUDGET_EXHAUSTED"
        assert error.errors[0]["extensions"]["retryAfterMs"] > 0
