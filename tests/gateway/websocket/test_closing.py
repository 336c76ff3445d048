"""A socket that leaves with many subscriptions ends them in several turns of the loop."""

import asyncio
import json
from itertools import count, pairwise
from typing import Any

import pytest
from starlette.types import Message as AsgiMessage

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from gateway.admission import Admission
from gateway.app import create_app
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket
from gateway.client_limits import ClientLimit
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from gateway.turn_budget import CALLS_AT_ONCE, TURN_S, TurnBudget
from gateway.websocket.connection import Connection, ConnectionTimeouts
from gateway.websocket.graphql_transport_ws import GraphQLTransportWs
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.timeouts import SharedTimeouts
from tests.gateway.fakes import wait_until

SUBSCRIPTIONS = 5 * CALLS_AT_ONCE
QUERY = 'subscription { rates(symbols: ["BTC/USDT"], maxSilenceMs: %d) { cursor } }'


@pytest.mark.slow
async def test_a_thousand_subscriptions_do_not_end_in_one_turn(gateway_with_rate: Gateway) -> None:
    """Their slots are free at once."""
    registry = gateway_with_rate.live_queries.registry
    subscribers = gateway_with_rate.registry
    accounts = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
    limit = ClientLimit("subscriptions", per_address=1_000, in_process=1_000)
    sent: list[Any] = []

    async def send(event: AsgiMessage) -> None:
        sent.append(json.loads(event["text"])["type"])

    # Each piece of work takes a whole turn.
    reads = count()
    closing = TurnBudget(cpu_s=lambda: next(reads) * TURN_S)
    coming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    connection = Connection(
        GraphQLTransportWs(SUBSCRIPTIONS),
        create_app(gateway_with_rate, GatewaySettings(port=0)).graphql.operations,
        ConnectionTimeouts(60, 60, SharedTimeouts(60, Connection.send_keepalive)),
        coming.get,
        send,
        admission=Admission(max_waiting=SUBSCRIPTIONS, wait_s=60),
        subscriptions=SubscriptionSlots(limit, "", accounts),
        serving=closing,
        clients=ClientAccounts(accounts, []),
        scope={},
        socket=OpenSocket(accounts.of_address("")),
    )
    running = asyncio.create_task(connection.run())

    def tell(**message: object) -> None:
        coming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    tell(type="connection_init")
    for number in range(SUBSCRIPTIONS):
        tell(type="subscribe", id=str(number), payload={"query": QUERY % (20_000 + number)})
    await wait_until(lambda: sent.count("next") == SUBSCRIPTIONS)
    assert (len(subscribers), len(registry), limit.open) == (SUBSCRIPTIONS,) * 3
    coming.put_nowait({"type": "websocket.disconnect"})
    left = [len(subscribers)]
    while left[-1]:
        await asyncio.sleep(0)
        left.append(len(subscribers))
    assert limit.open == 0
    assert max(before - after for before, after in pairwise(left)) <= 2 * CALLS_AT_ONCE
    assert len(registry) == 0
    await running
