"""Reservations of event streams, without HTTP."""

from collections.abc import AsyncIterator

import pytest

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import StreamCost
from gateway.client_limits import ClientLimit, ClientLimits
from gateway.http.event_streams import EventStreams
from gateway.http.request_body import HttpError
from tests.gateway.fakes import wait_until

ACCOUNTS = Accounts(MemoryLeaseStore(), SHIPPED_PLANS, grace_s=60)
ACCOUNT = ACCOUNTS.of_address("1.2.3.4")


def make_streams(reservation_s: float) -> tuple[EventStreams, ClientLimits]:
    limits = ClientLimits(
        sockets=ClientLimit("sockets", per_address=2, in_process=3),
        subscriptions=ClientLimit("subscriptions", per_address=9, in_process=9),
    )
    return EventStreams(limits, max_running=2, reservation_s=reservation_s), limits


async def test_a_reservation_that_nobody_opens_expires() -> None:
    """With its place among the sockets and its operations."""
    streams, limits = make_streams(0.01)
    token = streams.reserve("1.2.3.4", ACCOUNT)

    async def no_results() -> AsyncIterator[bytes]:
        yield b""

    opened = ACCOUNTS.open_stream(ACCOUNT, StreamCost(9, 1))
    streams.find(token).add("a", no_results(), opened)  # type: ignore[arg-type]  # an iterator will do
    assert (limits.sockets.open, limits.subscriptions.open) == (1, 1)
    assert (ACCOUNT.open.total(), ACCOUNT.stream_points) == (2, 9)
    await wait_until(lambda: len(streams) == 0)
    assert (limits.sockets.open, limits.subscriptions.open) == (0, 0)
    assert (ACCOUNT.open.total(), ACCOUNT.stream_points) == (0, 0)
    with pytest.raises(HttpError, match="no stream has this token"):
        streams.find(token)


async def test_tokens_are_secret_and_begin_with_the_route_of_the_proxy() -> None:
    """If that is one: 32 hexadecimal digits."""
    streams, _ = make_streams(60)
    route = "0123456789abcdef" * 2
    first, second = streams.reserve("1.1.1.1", ACCOUNT, route), streams.reserve("1.1.1.1", ACCOUNT, "../x")
    assert first.startswith(f"{route}.")
    assert len(first) >= 32 + 1 + 32
    assert not second.startswith("../x")
    streams.end(first)
    streams.end(second)
