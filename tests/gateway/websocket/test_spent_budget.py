"""A client of a WebSocket whose budget is spent: it gets its refusals slowly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from starlette.types import Message as AsgiMessage

from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, Plan, PlanLimits
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket
from gateway.client_limits import ClientLimit
from gateway.operations import Operations
from gateway.turn_budget import TurnBudget
from gateway.websocket.connection import Connection, ConnectionTimeouts
from gateway.websocket.graphql_transport_ws import GraphQLTransportWs
from gateway.websocket.reading_pause import ReadingPause
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.timeouts import SharedTimeouts
from tests.gateway.fixture_types import Until

# At the pace of refusals they take seconds.
QUERIES = 300


class Served(NamedTuple):
    """A connection: the messages that it has not read yet, and those that it has sent."""

    coming: asyncio.Queue[dict[str, object]]
    sent: list[dict[str, Any]]

    def tell(self, **message: object) -> None:
        """Let a message arrive."""
        self.coming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def flood(self) -> None:
        """Let the client send all its queries at once, and the connection read what it will."""
        for number in range(QUERIES):
            self.tell(type="subscribe", id=str(number), payload={"query": "{ __typename }"})
        for _ in range(QUERIES):
            await asyncio.sleep(0)


@asynccontextmanager
async def served(operations: Operations, plan: Plan, *, spent: int) -> AsyncIterator[Served]:
    """A connection of a client with this plan, of which it has spent so many points."""
    client = Served(asyncio.Queue(), [])

    async def send(event: AsgiMessage) -> None:
        client.sent.append(json.loads(event["text"]))

    nothing: Any = None
    accounts = Accounts(MemoryLeaseStore(), {ANONYMOUS: plan}, grace_s=60)
    await accounts.charge(accounts.of_address(""), spent)
    connection = Connection(
        GraphQLTransportWs(QUERIES),
        operations,
        ConnectionTimeouts(60, 60, SharedTimeouts(60, Connection.send_keepalive)),
        client.coming.get,
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
    client.tell(type="connection_init")
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_connection_is_not_read_for_a_while_after_a_refusal(
    operations: Operations, until: Until
) -> None:
    """A client that sends without waiting gains nothing: the messages behind it stay unread."""
    plan = PlanLimits(points=1, window_s=86_400).named(ANONYMOUS)
    async with served(operations, plan, spent=1) as client:
        await client.flood()
        await until(lambda: len(client.sent) > 1)
        assert client.sent[1]["payload"][0]["extensions"]["code"] == "BUDGET_EXHAUSTED"
        assert client.coming.qsize() > QUERIES / 2


async def test_operations_that_wait_for_points_come_slowly_too(operations: Operations, until: Until) -> None:
    """The first ones are read at once, as after a reconnect; the others at the pace of refusals."""
    plan = PlanLimits(points=600, window_s=10).named(ANONYMOUS)
    async with served(operations, plan, spent=540) as client:
        await client.flood()
        await until(lambda: client.sent)
        assert QUERIES / 2 < client.coming.qsize() < QUERIES


async def test_a_pause_ends_with_its_connection() -> None:
    """A gateway that stops does not wait for those whom it refuses."""
    pause = ReadingPause()
    pause.end()
    waiting = asyncio.create_task(pause.wait(86_400))
    await asyncio.sleep(0)
    pause.end()
    pause.end()
    await waiting
