"""Limits on sockets and subscriptions by address, by process and by their work."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets import ConnectionClosed, InvalidStatus, Subprotocol, connect
from websockets.asyncio.client import ClientConnection

from gateway.client_connections import RETRY_AFTER_S
from gateway.client_limits import ClientLimit, ClientLimitReached, read_address
from tests.gateway.fakes import TIMEOUT_S
from tests.gateway.fixture_types import ReadyGateway, Served
from tests.gateway.raw_socket import raw_socket

STREAM = 'subscription { rate(symbol: "BTC/USDT") { price } }'
EVENTS = {"accept": "text/event-stream"}
JSON = {"accept": "application/json, text/event-stream"}
PROTOCOLS = ("graphql-transport-ws", "graphql-ws")


@asynccontextmanager
async def opened(
    served: Served, protocol: str = PROTOCOLS[0], address: str | None = None
) -> AsyncIterator[ClientConnection]:
    """A WebSocket that is acknowledged, from an address that a proxy reports."""
    headers = {"X-Forwarded-For": address} if address else None
    async with connect(served.ws, subprotocols=[Subprotocol(protocol)], additional_headers=headers) as socket:
        await socket.send('{"type":"connection_init"}')
        await answer_of(socket, "connection_ack")
        yield socket


async def answer_of(socket: ClientConnection, *kinds: str) -> Any:
    """The next message of one of these types."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] in kinds:
                return message


async def subscribe(socket: ClientConnection, number: int, query: str = STREAM) -> Any:
    """The first answer to a subscription."""
    start = "start" if socket.subprotocol == "graphql-ws" else "subscribe"
    await socket.send(json.dumps({"id": str(number), "type": start, "payload": {"query": query}}))
    return await answer_of(socket, "next", "data", "error")


def details(message: Any) -> dict[str, Any]:
    """The extensions of the error in a message."""
    payload = message["payload"]
    error = payload[0] if isinstance(payload, list) else payload.get("errors", [payload])[0]
    found: dict[str, Any] = error["extensions"]
    return found


@pytest.mark.parametrize(
    ("limits", "status", "expected"),
    [
        ({"max_sockets_per_address": 2}, 429, {"code": "TOO_MANY_SOCKETS", "limit": 2, "scope": "ADDRESS"}),
        ({"max_sockets": 2}, 503, {"code": "TOO_MANY_SOCKETS", "limit": 2, "scope": "GATEWAY"}),
    ],
)
async def test_sockets_beyond_a_limit_are_sent_away_so_that_they_come_back(
    ready_gateway: ReadyGateway, limits: dict[str, Any], status: int, expected: dict[str, Any]
) -> None:
    """WebSockets and streams count together; one that ends makes room."""
    async with ready_gateway(**limits) as served, served.client() as client:
        async with opened(served) as socket, served.client() as other:
            await subscribe(socket, 1, "subscription { sources { state } }")
            stream = {"query": "subscription { sources { state } }"}
            async with other.stream("GET", "/graphql", params=stream, headers=EVENTS) as events:
                assert events.status_code == 200
                async with raw_socket(served.ws, init=False) as late:
                    code, reason = await late.closed()
                    assert code == 1013
                    assert "close one, or try again later" in str(reason)
                # nginx asks for a status, with which it tries another gateway; at the limit of an address it cannot help.
                behind_nginx = {"x-ratewire-handshake-status": "1"}
                if status == 429:
                    async with raw_socket(served.ws, init=False, additional_headers=behind_nginx) as late:
                        assert (await late.closed())[0] == 1013
                else:
                    with pytest.raises(InvalidStatus) as refused:
                        async with raw_socket(served.ws, additional_headers=behind_nginx):
                            pass
                    response = refused.value.response
                    assert (response.status_code, response.headers["retry-after"]) == (
                        503,
                        str(RETRY_AFTER_S),
                    )
                    assert json.loads(response.body)["errors"][0]["extensions"] == expected
                answer = await client.get("/graphql", params=stream, headers=JSON)
                assert answer.status_code == status
                assert answer.json()["errors"][0]["extensions"] == expected
                answer = await client.get("/graphql", params=stream, headers=EVENTS)
                # A browser's EventSource would give up at any other status.
                assert (answer.status_code, answer.text) == (200, "retry: 2000\n\n")
                # Single answers are no sockets.
                assert (await client.get("/graphql", params={"query": "{ __typename }"})).status_code == 200
        await served.facts(lambda seen: seen["subscribers"] == 0)
        async with opened(served), opened(served):
            pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("limits", "scope"),
    [({"max_subscriptions_per_address": 3}, "ADDRESS"), ({"max_subscriptions_in_all": 3}, "GATEWAY")],
)
async def test_subscriptions_beyond_a_limit_get_an_error_on_any_socket(
    ready_gateway: ReadyGateway, limits: dict[str, Any], scope: str, protocol: str
) -> None:
    """The others go on, queries are answered, and one that is stopped makes room."""
    source = "subscription { sources { state } }"
    expected = {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": 3, "scope": scope}
    async with (
        ready_gateway(**limits) as served,
        opened(served, protocol) as one,
        opened(served, protocol) as other,
    ):
        for number in range(2):
            assert (await subscribe(one, number, source))["type"] != "error"
        assert (await subscribe(other, 0, source))["type"] != "error"
        for socket in (one, other):
            assert details(await subscribe(socket, 7, source)) == expected
        assert (await subscribe(other, 8, "{ __typename }"))["type"] != "error"
        async with served.client() as client:
            answer = await client.get("/graphql", params={"query": source}, headers=JSON)
            assert answer.status_code == (429 if scope == "ADDRESS" else 503)
            assert answer.json()["errors"][0]["extensions"] == expected
        stop = "stop" if protocol == "graphql-ws" else "complete"
        await one.send(json.dumps({"id": "0", "type": stop}))
        async with asyncio.timeout(TIMEOUT_S):
            number = 10
            while (await subscribe(other, number, source))["type"] == "error":
                number += 1


@pytest.mark.parametrize(
    ("limits", "queries"),
    [
        ({"max_live_queries": 2}, ["BTC/USDT", "ETH/USDT", "BTC/USD"]),
        ({"max_live_rates": 2}, ["BTC/USDT", "ETH/USDT", "BTC/USD"]),
    ],
)
@pytest.mark.parametrize("fast_path", [True, False])
async def test_different_subscriptions_beyond_a_limit_get_an_error_and_equal_ones_do_not(
    ready_gateway: ReadyGateway, limits: dict[str, Any], queries: Sequence[str], fast_path: bool
) -> None:
    """Those that share the work of others cost little."""

    def ask(symbol: str) -> str:
        return f'subscription {{ rates(symbols: ["{symbol}"]) {{ kind items {{ price }} }} }}'

    async with ready_gateway(fast_path=fast_path, **limits) as served, opened(served) as socket:
        for number, symbol in enumerate(queries[:2]):
            assert "errors" not in (await subscribe(socket, number, ask(symbol)))["payload"]
        refused = details(await subscribe(socket, 5, ask(queries[2])))
        assert refused == {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": 2, "scope": "GATEWAY"}
        if fast_path:
            for number in range(10, 20):
                assert (await subscribe(socket, number, ask(queries[0])))["type"] == "next"
        assert 'limits_reached_total{limit="live_queries",scope="gateway"}' in await read_metrics(served)


async def test_a_subscription_of_everything_counts_every_tracked_instrument(
    ready_gateway: ReadyGateway,
) -> None:
    """Four are tracked here."""
    everything = "subscription {{ rates(maxSilenceMs: {}) {{ kind }} }}"
    async with ready_gateway(max_live_rates=9) as served, opened(served) as socket:
        for number in range(2):
            assert (await subscribe(socket, number, everything.format(1_000 + number)))["type"] == "next"
        assert details(await subscribe(socket, 5, everything.format(2_000)))["limit"] == 9
        assert "ratewire_gateway_live_rates 8.0" in await read_metrics(served)


async def test_rates_that_each_subscriber_filters_count_for_each(ready_gateway: ReadyGateway) -> None:
    """With `minChangeBps`, also in one live query; until the subscription ends."""
    query = 'subscription { rates(symbols: ["BTC/USDT", "ETH/USDT"], minChangeBps: 5) { kind } }'
    async with ready_gateway(max_live_rates=5) as served, opened(served) as socket:
        for number in range(2):
            assert (await subscribe(socket, number, query))["type"] == "next"
        assert details(await subscribe(socket, 5, query))["limit"] == 5
        assert "ratewire_gateway_live_rates 4.0" in await read_metrics(served)
        await socket.send(json.dumps({"id": "0", "type": "complete"}))
        assert (await subscribe(socket, 6, query))["type"] == "next"
        assert "ratewire_gateway_live_rates 4.0" in await read_metrics(served)


async def test_a_client_cannot_pass_off_an_address_as_its_own(ready_gateway: ReadyGateway) -> None:
    """X-Forwarded-For of anybody but a trusted proxy is ignored."""
    async with ready_gateway(max_sockets_per_address=1) as served, opened(served, address="203.0.113.1"):
        with pytest.raises(ConnectionClosed):
            async with opened(served, address="203.0.113.2"):
                pass


async def test_a_trusted_proxy_tells_the_addresses_apart(ready_gateway: ReadyGateway) -> None:
    """Only the last entry counts: those before it are the client's."""
    async with (
        ready_gateway(max_sockets_per_address=1, trusted_proxies=["127.0.0.0/8"]) as served,
        AsyncExitStack() as stack,
    ):
        for number in range(5):
            await stack.enter_async_context(opened(served, address=f"203.0.113.{number}"))
        for claimed in ("203.0.113.4", "198.51.100.7, 203.0.113.4"):
            with pytest.raises(ConnectionClosed):
                await stack.enter_async_context(opened(served, address=claimed))


async def read_metrics(served: Served) -> str:
    async with httpx.AsyncClient(timeout=60) as client:
        return (await client.get(f"{served.http}/metrics")).text


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("unix", "unix"),
    ],
)
def test_the_addresses_of_one_customer_count_as_one(host: str, address: str) -> None:
    """A customer of an IPv6 network has 2^64 of them."""
    assert read_address({"client": (host, 5)}) == address


def test_a_connection_without_an_address_is_counted_too() -> None:
    """As all others without one."""
    assert read_address({"client": None}) == read_address({}) == ""


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=60))
def test_what_is_released_can_be_taken_again(steps: list[tuple[bool, str]]) -> None:
    """In any order, never beyond a limit, and nothing is kept of addresses that hold nothing."""
    limit = ClientLimit("sockets", per_address=3, in_process=5)
    held: list[str] = []
    for takes, address in steps:
        if takes:
            has_room = held.count(address) < 3 and len(held) < 5
            if has_room:
                limit.take(address)
                held.append(address)
            else:
                with pytest.raises(ClientLimitReached) as reached:
                    limit.take(address)
                assert reached.value.limit == (5 if len(held) == 5 else 3)
        elif address in held:
            held.remove(address)
            limit.release(address)
        assert limit.open == len(held)
    for address in held:
        limit.release(address)
    assert (limit.open, len(limit._by_address)) == (0, 0)
