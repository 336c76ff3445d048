"""A client of a WebSocket whose budget is spent: it gets its refusals slowly."""

import asyncio
import json
from typing import Any

from starlette.types import Message as AsgiMessage

from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, PlanLimits
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket
from gateway.client_limits import ClientLimit
from gateway.operations import Operations
from gateway.turn_budget import TurnBudget
from gateway.websocket.connection import Connection, ConnectionTimeouts
from gateway.websocket.graphql_transport_ws import GraphQLTransportWs
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.timeouts import SharedTimeouts
from tests.gateway.fixture_types import Until

QUERIES = 50


async def test_a_connection_is_not_read_for_a_while_after_a_refusal(
    operations: Operations, until: Until
) -> None:
    """A client that sends without waiting gains nothing: the messages behind it stay unread."""
    sent: list[dict[str, Any]] = []

    async def send(event: AsgiMessage) -> None:
        sent.append(json.loads(event["text"]))

    coming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    nothing: Any = None
    plan = PlanLimits(points=1, window_s=86_400).named(ANONYMOUS)
    accounts = Accounts(MemoryLeaseStore(), {ANONYMOUS: plan}, grace_s=60)
    await accounts.charge(accounts.of_address(""), 1)
    connection = Connection(
        GraphQLTransportWs(QUERIES),
        operations,
        ConnectionTimeouts(60, 60, SharedTimeouts(60, Connection.send_keepalive)),
        coming.get,
        send,
        admission=nothing,
        subscriptions=SubscriptionSlots(
            ClientLimit("subscriptions", per_address=1, in_process=1), "", accounts
        ),
        serving=TurnBudget(),
        clients=ClientAccounts(accounts, []),
        scope={},
        socket=OpenSocket(accounts.of_address("")),
    )
    running = asyncio.create_task(connection.run())

    def tell(**message: object) -> None:
        coming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    tell(type="connection_init")
    for number in range(QUERIES):
        tell(type="subscribe", id=str(number), payload={"query": "{ __typename }"})
    await until(lambda: len(sent) > 1)
    for _ in range(4 * QUERIES):
        await asyncio.sleep(0)
    assert sent[1]["payload"][0]["extensions"]["code"] == "BUDGET_EXHAUSTED"
    assert coming.qsize() > QUERIES / 2
    running.cancel()
    await asyncio.wait([running])
