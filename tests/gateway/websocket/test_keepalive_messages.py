"""Signs of life in the protocol.

What is silent for long is given one, and what speaks needs none.
"""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message as AsgiMessage

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.open_stream import OpenSocket
from gateway.client_limits import ClientLimit
from gateway.turn_budget import TurnBudget
from gateway.websocket.connection import Connection, ConnectionTimeouts
from gateway.websocket.graphql_transport_ws import GraphQLTransportWs
from gateway.websocket.subprotocol import Subprotocol
from gateway.websocket.subscription_slots import SubscriptionSlots
from gateway.websocket.subscriptions_transport_ws import SubscriptionsTransportWs
from gateway.websocket.timeouts import MAX_STEP_S, STEP, SharedTimeouts
from tests.lengths import at_length
from tests.virtual_time import run_virtually

INTERVAL_S = 20.0
# Each time that half of it is over, that much may be added.
LATE_S = 4 * min(MAX_STEP_S, STEP * INTERVAL_S / 2)
Message = tuple[float, str]


def told(protocol: Subprotocol, pauses_s: list[float], *, interval_s: float = INTERVAL_S) -> list[Message]:
    """Return the messages to a client that pings after each of these pauses.

    It then sends nothing for a minute.
    """

    async def main() -> list[Message]:
        loop = asyncio.get_running_loop()
        said: list[Message] = []
        coming: asyncio.Queue[dict[str, object]] = asyncio.Queue()

        async def send(event: AsgiMessage) -> None:
            said.append((loop.time(), json.loads(event["text"])["type"]))

        def ask(message: str) -> None:
            coming.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": message})})

        nothing: Any = None
        clients = ClientAccounts(Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60), [])
        keepalives = SharedTimeouts(interval_s / 2, Connection.send_keepalive)
        connection = Connection(
            protocol,
            nothing,
            ConnectionTimeouts(5, 60, keepalives),
            coming.get,
            send,
            admission=nothing,
            subscriptions=SubscriptionSlots(
                ClientLimit("subscriptions", per_address=1, in_process=1), "", nothing
            ),
            serving=TurnBudget(),
            clients=clients,
            scope={"client": ("192.0.2.1", 1)},
            socket=OpenSocket(clients.accounts.of_address("192.0.2.1")),
        )
        running = asyncio.create_task(connection.run())
        ask("connection_init")
        for pause_s in pauses_s:
            await asyncio.sleep(pause_s)
            ask("ping" if isinstance(protocol, GraphQLTransportWs) else "nonsense")
        await asyncio.sleep(3 * INTERVAL_S + 1)
        coming.put_nowait({"type": "websocket.disconnect"})
        await running
        assert not len(keepalives)
        return said

    return run_virtually(main())


@pytest.mark.slow
@settings(max_examples=at_length(100), deadline=None)
@given(st.lists(st.floats(0.01, 45), max_size=20))
def test_nobody_hears_nothing_for_longer_than_the_interval(pauses_s: list[float]) -> None:
    """And a sign is only given where nothing else was said for half of it."""
    said = told(GraphQLTransportWs(10), pauses_s)
    for (before, _), (after, what) in pairwise(said):
        assert after - before <= INTERVAL_S + LATE_S
        if what == "ping":
            assert after - before >= INTERVAL_S / 2 - 0.001


def test_who_is_told_something_every_second_needs_no_sign() -> None:
    said = told(GraphQLTransportWs(10), [1.0] * 100)
    assert [what for at, what in said if at < 100 and what == "ping"] == []
    assert [what for at, what in said if at > 101] == ["ping"] * 3


@settings(max_examples=at_length(50), deadline=None)
@given(st.lists(st.floats(0.01, 45), max_size=20))
def test_older_clients_get_theirs_in_time_whatever_else_they_are_told(pauses_s: list[float]) -> None:
    times = [at for at, what in told(SubscriptionsTransportWs(10), pauses_s) if what == "ka"]
    # The first comes with the acknowledgement.
    assert len(times) >= 4
    assert all(abs(after - before - INTERVAL_S) <= LATE_S for before, after in pairwise(times))


@pytest.mark.parametrize("protocol", [GraphQLTransportWs, SubscriptionsTransportWs])
def test_none_are_given_where_none_are_wanted(
    protocol: type[GraphQLTransportWs | SubscriptionsTransportWs],
) -> None:
    said = [what for _, what in told(protocol(10), [], interval_s=float("inf"))]
    assert said == (["connection_ack"] if protocol is GraphQLTransportWs else ["connection_ack", "ka"])
