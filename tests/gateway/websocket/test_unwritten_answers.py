"""Answers on a socket that is not read: a few wait, other queries are not answered yet."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message as AsgiMessage

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket
from gateway.client_limits import ClientLimit
from gateway.operations import Operations
from gateway.prepared_operation import PreparedOperation
from gateway.results import QueryResult
from gateway.schema.context import OperationMetadata
from gateway.subscriptions.result_slots import MAX_UNWRITTEN
from gateway.turn_budget import TurnBudget
from gateway.websocket.connection import Connection, ConnectionTimeouts
from gateway.websocket.graphql_transport_ws import GraphQLTransportWs
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.timeouts import SharedTimeouts
from tests.gateway.fixture_types import Until

QUERIES = 60


async def test_a_socket_that_is_not_read_gets_a_few_answers(
    operations: Operations, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others once it is read, each once."""
    reads, answered, completed = asyncio.Event(), 0, []
    answer = operations.answer

    async def counted(
        prepared: PreparedOperation, metadata: OperationMetadata, account: Account
    ) -> QueryResult:
        nonlocal answered
        answered += 1
        return await answer(prepared, metadata, account)

    monkeypatch.setattr(operations, "answer", counted)

    async def send(event: AsgiMessage) -> None:
        message = json.loads(event["text"])
        if message["type"] != "connection_ack":
            await reads.wait()
        if message["type"] == "complete":
            completed.append(message["id"])

    coming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    nothing: Any = None
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
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
    await until(lambda: coming.empty() and answered >= MAX_UNWRITTEN)
    for _ in range(QUERIES):
        await asyncio.sleep(0)
    # The first one is on its way, and counts no longer.
    assert answered <= MAX_UNWRITTEN + 1
    reads.set()
    await until(lambda: len(completed) == QUERIES)
    assert sorted(completed, key=int) == [str(number) for number in range(QUERIES)]
    coming.put_nowait({"type": "websocket.disconnect"})
    await running
