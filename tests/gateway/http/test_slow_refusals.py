"""Refusals of a client that goes on, on all its connections together."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, PlanLimits
from gateway.budgets.account import Account
from gateway.budgets.account_registry import Accounts
from gateway.budgets.client_accounts import ClientAccounts
from gateway.budgets.points_wait import retry_with_points
from gateway.gateway import Gateway
from gateway.http.protocol import GatewayHttpProtocol
from gateway.http.request_refusals import RequestRefusals
from rates.errors import BudgetExhausted
from tests.garbage import counting_garbage
from tests.gateway.fakes import wait_until
from tests.gateway.wire import ONE, Wire, connected, learned, post, post_body, written

REFUSED = b"HTTP/1.1 429"
NEW = post("{ rates { cursor } }")
# Fewer than a new document costs, and more than a known query.
ENOUGH_FOR_KNOWN = 1_000
# More than the client gets within the shortest pause, and few enough to wait for in a test.
WAITING = 30


@asynccontextmanager
async def spent(
    gateway: Gateway, *, left: int = 0
) -> AsyncIterator[tuple[GatewayHttpProtocol, Wire, Account]]:
    """A connection with a known request, whose client has hardly a point left, or `left`."""
    plan = PlanLimits(points=20_000, window_s=86_400).named(ANONYMOUS)
    gateway.accounts = Accounts(MemoryLeaseStore(), {ANONYMOUS: plan}, grace_s=60)
    async with connected(gateway) as (protocol, wire):
        await learned(protocol, wire)
        account = gateway.accounts.of_address("")
        with suppress(BudgetExhausted):
            while (gateway.accounts.state(account).remaining or 0) >= left:
                await gateway.accounts.charge(account, 50)
        yield protocol, wire, account


async def test_a_refused_connection_is_not_read_for_longer_if_many_are_refused(
    gateway_with_rate: Gateway,
) -> None:
    """The answer comes at once. What follows waits for its slot."""
    async with spent(gateway_with_rate) as (protocol, wire, account):
        for _ in range(WAITING):
            account.refusals.take()
        wire.written.clear()
        protocol.data_received(post(ONE))
        assert wire.written[-1].startswith(REFUSED)
        assert not wire.is_read
        assert account.refusals.is_behind
        await wait_until(lambda: wire.is_read)


async def test_the_account_of_a_refused_request_is_looked_up_once(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal has to be cheap: its client may send many."""
    found: list[Account] = []
    of_address = Accounts.of_address

    def noted(accounts: Accounts, address: str) -> Account:
        found.append(of_address(accounts, address))
        return found[-1]

    monkeypatch.setattr(Accounts, "of_address", noted)
    async with spent(gateway_with_rate) as (protocol, wire, account):
        wire.written.clear()
        found.clear()
        protocol.data_received(post(ONE))
        assert wire.written[-1].startswith(REFUSED)
        assert found == [account]


async def test_behind_a_proxy_the_refusal_waits_instead(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes on being read: it may carry other clients."""
    monkeypatch.setattr(ClientAccounts, "is_proxy", lambda *_: True)
    async with spent(gateway_with_rate) as (protocol, wire, account):
        wire.written.clear()
        protocol.data_received(post(ONE))
        assert wire.written[-1].startswith(REFUSED)
        for _ in range(WAITING):
            account.refusals.take()
        wire.written.clear()
        protocol.data_received(post(ONE))
        assert wire.written == []
        assert wire.is_read
        await wait_until(lambda: b"".join(wire.written).startswith(REFUSED))


async def test_requests_behind_a_refused_one_wait_for_their_slots(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have arrived with it. Each is refused at its slot, without the ASGI path."""
    async with spent(gateway_with_rate) as (protocol, wire, account):
        monkeypatch.delattr(GatewayHttpProtocol, "_start_cycle")
        wire.written.clear()
        with monkeypatch.context() as patched:
            # Longer than this test.
            patched.setattr(type(account.refusals), "take", lambda _: 3_600.0)
            protocol.data_received(post(ONE) * 3)
        for _ in range(10):
            await asyncio.sleep(0)
        assert written(wire).count(b"HTTP/1.1 ") == 1
        assert not wire.is_read
        protocol._end_pause()
        await wait_until(lambda: written(wire).count(b"HTTP/1.1 ") == 3)
        assert not wire.is_read
        await wait_until(lambda: wire.is_read)
        assert written(wire).count(REFUSED) == 3


async def test_a_request_that_is_not_known_is_refused_without_the_asgi_path(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its head, whatever it asks for: new documents are refused as cheaply as others."""
    async with spent(gateway_with_rate) as (protocol, wire, account):
        monkeypatch.delattr(GatewayHttpProtocol, "_start_cycle")
        for _ in range(WAITING):
            account.refusals.take()
        refused = account.refused
        wire.written.clear()
        protocol.data_received(NEW)
        assert written(wire).startswith(REFUSED)
        assert not wire.is_read
        assert account.refused == refused + 1
        await wait_until(lambda: wire.is_read)


async def test_a_new_document_that_its_client_cannot_pay_for_is_refused_without_the_asgi_path(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has points for what is known, which goes on."""
    async with spent(gateway_with_rate, left=ENOUGH_FOR_KNOWN) as (protocol, wire, _):
        wire.written.clear()
        protocol.data_received(post(ONE))
        # Its points are leased first.
        await wait_until(lambda: written(wire).startswith(b"HTTP/1.1 200"))
        monkeypatch.delattr(GatewayHttpProtocol, "_start_cycle")
        protocol.data_received(NEW)
        assert REFUSED in written(wire)


@pytest.mark.parametrize(
    "body",
    [
        '{"query": "{ rates { cursor } }", "variables": []}',
        '{"query": "subscription { rates { kind } }"}',
        '{"documentId": "sha256:00"}',
        '{"query": "{ rates { cursor } }"',
    ],
    ids=["variables", "subscription", "identifier", "JSON"],
)
async def test_what_is_no_new_document_is_not_refused_for_its_price(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """The ASGI path says what is wrong with it, or charges it."""
    begun = []
    async with spent(gateway_with_rate, left=ENOUGH_FOR_KNOWN) as (protocol, wire, _):
        monkeypatch.setattr(GatewayHttpProtocol, "_start_cycle", lambda *_: begun.append(1))
        wire.written.clear()
        protocol.data_received(post_body(body))
        assert begun == [1]
        assert wire.written == []


NEWER = post(
    "{ rates { cursor } }", "X-Forwarded-For: 192.0.2.1", "Accept: application/graphql-response+json"
)
GOT = b"GET /graphql?query=%7Brates%7Bcursor%7D%7D HTTP/1.1\r\nHost: here\r\nAccept: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("asked", "left"),
    [(NEW, 0), (NEWER, 0), (GOT, 0), (NEW, ENOUGH_FOR_KNOWN), (NEWER, ENOUGH_FOR_KNOWN)],
    ids=["POST", "POST, newer type", "GET", "POST, few points", "POST, newer type, few points"],
)
async def test_a_request_that_is_not_known_gets_the_bytes_of_the_asgi_path(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch, asked: bytes, left: int
) -> None:
    """Apart from times and what has come back meanwhile."""
    answers = []
    async with spent(gateway_with_rate, left=left) as (protocol, wire, _):
        for is_cheap in (True, False):
            with monkeypatch.context() as patched:
                if not is_cheap:
                    patched.setattr(RequestRefusals, "refuse_unread", lambda *_: None)
                wire.written.clear()
                protocol.data_received(asked)
                assert bool(wire.written) == is_cheap
                await wait_until(lambda: written(wire).endswith(b"}"))
                answers.append(re.sub(rb"[0-9]+", b"0", written(wire)))
                await wait_until(lambda: wire.is_read)
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "more", ["Accept: text/event-stream", "Origin: https://example.com", "Authorization: Bearer x"]
)
async def test_what_only_the_asgi_path_can_judge_is_left_to_it(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    """Another format, a page of another origin, a key that is not known."""
    begun = []
    async with spent(gateway_with_rate) as (protocol, wire, _):
        monkeypatch.setattr(GatewayHttpProtocol, "_start_cycle", lambda *_: begun.append(1))
        wire.written.clear()
        protocol.data_received(post("{ rates { cursor } }", more))
        assert begun == [1]
        assert wire.written == []


@pytest.mark.slow
@pytest.mark.parametrize("is_cheap", [True, False], ids=["fast path", "ASGI path"])
async def test_a_refusal_leaves_nothing_to_the_garbage_collector(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch, is_cheap: bool
) -> None:
    """A client that goes on made collections of 10 ms, in which all others waited."""
    if not is_cheap:
        monkeypatch.setattr(RequestRefusals, "refuse_unread", lambda *_: None)
    async with spent(gateway_with_rate) as (protocol, wire, _):

        async def refuse(number: int) -> None:
            wire.written.clear()
            protocol.data_received(post(f"{{ rates(first: {number}) {{ cursor }} }}"))
            await wait_until(lambda: written(wire).startswith(REFUSED))

        await refuse(1)
        with counting_garbage() as found:
            for number in range(2, 7):
                await refuse(number)
    assert found.objects == 0


@pytest.mark.slow
async def test_an_operation_that_waits_for_points_leaves_nothing_to_the_garbage_collector(
    gateway_with_rate: Gateway,
) -> None:
    """Whether its points come back too late, or others take them."""
    account = gateway_with_rate.accounts.of_address("")

    def exhausted(retry_ms: int) -> BudgetExhausted:
        return BudgetExhausted(
            10, limit=20, remaining=0, retry_ms=retry_ms, resets_at=datetime.now(UTC), full_s=1.0
        )

    async def attempt() -> None:
        raise exhausted(60_000)

    with counting_garbage() as found:
        for retry_ms in (60_000, 1):
            with suppress(BudgetExhausted):
                await retry_with_points(account, exhausted(retry_ms), attempt)
    assert found.objects == 0
