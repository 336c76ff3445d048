"""The gateway's WebSockets on a real port, from start to shutdown."""

import asyncio
import json
import socket
from contextlib import aclosing, closing

import pytest
import websockets
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from websockets import ClientConnection, Subprotocol

from cache.memory import MemoryCache
from cache.ports import Snapshot
from gateway.settings import GatewaySettings
from rates.source import Source
from tests.gateway.fakes import TIMEOUT_S, ScriptedFeed
from tests.gateway.fixture_types import BuildTicker, Served, Serving
from tests.gateway.test_server import PROTOCOLS
from tests.json_types import Json

SUBPROTOCOL = websockets.Subprotocol("graphql-transport-ws")
LIVE = gql("subscription { rates { kind items { symbol price freshness } conflatedCount cursor sentAt } }")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_subscription_receives_a_snapshot_and_then_updates(
    serving: Serving, cache: MemoryCache, ticker: BuildTicker, protocol: Subprotocol
) -> None:
    """Over both WebSocket protocols, with a client that people use."""
    await cache.write([ticker(price="1")])
    async with serving(cache) as served:
        transport = WebsocketsTransport(url=served.ws, subprotocols=[protocol])
        async with asyncio.timeout(60), Client(transport=transport) as session:
            prices: list[str] = []
            async with aclosing(session.subscribe(LIVE)) as events:
                async for event in events:
                    prices += [item["price"] for item in event["rates"]["items"]]
                    if len(prices) == 3:
                        break
                    await cache.write([ticker(price=str(len(prices) + 1), sequence=len(prices))])
            assert prices == ["1", "2", "3"]


async def test_errors_over_websocket_carry_their_codes_and_leave_the_socket_open(
    serving: Serving, cache: MemoryCache
) -> None:
    """Unknown symbol, wrong argument, document that does not parse: one operation's matter."""
    async with serving(cache) as served:
        await served.facts()
        transport = WebsocketsTransport(url=served.ws, subprotocols=PROTOCOLS[:1])
        async with asyncio.timeout(60), Client(transport=transport) as session:
            for document, code in [
                ('subscription { rate(symbol: "NO/SUCH") { price } }', "UNKNOWN_SYMBOL"),
                ('subscription { rate(symbol: "nosuch") { price } }', "INVALID_SYMBOL"),
                ("subscription { rates(sampleIntervalMs: -1) { kind } }", "BAD_USER_INPUT"),
                ('subscription { rates(after: "x") { kind } }', "BAD_USER_INPUT"),
                ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
            ]:
                with pytest.raises(TransportQueryError) as caught:
                    await anext(session.subscribe(gql(document)))
                assert caught.value.errors is not None
                assert caught.value.errors[0]["extensions"]["code"] == code
            assert await session.execute(gql("{ __typename }")) == {"__typename": "Query"}


async def open_socket(served: Served, **options: Json) -> ClientConnection:
    return await websockets.connect(served.ws, subprotocols=[SUBPROTOCOL], **options)


async def init(connection: ClientConnection) -> None:
    await connection.send('{"type":"connection_init","payload":null}')
    assert json.loads(await connection.recv())["type"] == "connection_ack"


async def test_a_document_that_does_not_parse_is_an_error_message(
    serving: Serving, cache: MemoryCache
) -> None:
    """Not the end of the connection with everything else on it."""
    async with serving(cache) as served, await open_socket(served) as connection:
        await init(connection)
        await connection.send('{"type":"subscribe","id":"1","payload":{"query":"{"}}')
        answer = json.loads(await connection.recv())
        assert (answer["type"], answer["id"]) == ("error", "1")
        assert answer["payload"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
        await connection.send('{"type":"ping"}')
        assert json.loads(await connection.recv())["type"] == "pong"


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        "5",
        "nonsense",
        '{"type":5}',
        '{"type":"subscribe","payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":5,"payload":{"query":"{a}"}}',
        '{"type":"subscribe","id":"1","payload":"x"}',
        '{"type":"subscribe","id":"1","payload":{"query":5}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}',
        "[" * 50_000,
        '{"type":"ping","payload":' + "9" * 5_000 + "}",
    ],
)
async def test_a_malformed_message_is_answered_by_4400(
    serving: Serving, cache: MemoryCache, message: str
) -> None:
    """Never by a dropped connection."""
    async with serving(cache) as served, await open_socket(served) as connection:
        await init(connection)
        await connection.send(message)
        with pytest.raises(websockets.ConnectionClosedError):
            await connection.recv()
        assert connection.close_code == 4400


async def test_a_websocket_from_another_origin_is_refused(serving: Serving, cache: MemoryCache) -> None:
    """Browsers let any page open one, so the server must look."""
    async with serving(cache) as served:
        with pytest.raises(websockets.InvalidStatus):
            await open_socket(served, origin="https://elsewhere.example")
        async with await open_socket(served, origin=served.http) as connection:
            await init(connection)


async def test_listed_origins_are_let_in(serving: Serving, cache: MemoryCache) -> None:
    """Over HTTP through CORS, over WebSocket by the same list."""
    listed = GatewaySettings(port=0, allowed_origins=["https://dash.example"])
    async with serving(cache, listed) as served, served.client() as client:
        allowed = await client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"origin": "https://dash.example"}
        )
        assert allowed.headers["access-control-allow-origin"] == "https://dash.example"
        async with await open_socket(served, origin="https://dash.example") as connection:
            await init(connection)


async def test_a_subscription_stays_open_while_the_cache_is_away(
    serving: Serving, scripted_feed: ScriptedFeed, ticker: BuildTicker
) -> None:
    """And goes on when it is back."""
    async with serving(scripted_feed) as served:
        await served.facts()
        transport = WebsocketsTransport(url=served.ws, subprotocols=PROTOCOLS[:1])
        async with (
            asyncio.timeout(60),
            Client(transport=transport) as session,
            aclosing(session.subscribe(LIVE)) as events,
        ):
            assert (await anext(events))["rates"]["kind"] == "SNAPSHOT"
            back = Snapshot(Source.BINANCE, "e", 3, (ticker(price="3"),), ())
            scripted_feed.snapshots[Source.BINANCE] = back
            scripted_feed.lose()
            event = await anext(events)
            assert [item["price"] for item in event["rates"]["items"]] == ["3"]


async def test_a_reader_that_stops_reading_gets_the_newest_values_when_it_reads_again(
    serving: Serving, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Values beyond the connection's buffers are conflated; another reader sees every update."""
    # 12 MB in all: more than the client's window, the kernel and the server's buffer hold together.
    last, wide = (
        2_000,
        " ".join(f"copy{n}: items {{ id symbol price observedAt expiresAt }}" for n in range(40)),
    )
    async with serving(cache) as served:
        await served.facts()
        with closing(small_socket(served)) as link:
            slow = await subscribed(served, wide, sock=link, max_queue=1)
            quick = await subscribed(served)
            for number in range(1, last + 1):
                await cache.write([ticker(price=str(number), sequence=number)])
                (item,) = (await next_event(quick))["items"]
                assert item["price"] == str(number)
            await quick.close()
            seen = conflated = 0
            async with asyncio.timeout(20):
                while seen < last:
                    event = await next_event(slow)
                    conflated += event["conflatedCount"]
                    (item,) = event["items"]
                    assert int(item["price"]) > seen
                    seen = int(item["price"])
            await slow.close()
            assert conflated > 0


def small_socket(served: Served) -> socket.socket:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", int(served.http.rpartition(":")[2])))
    link.setblocking(False)
    return link


async def next_event(connection: ClientConnection) -> Json:
    return json.loads(await connection.recv())["payload"]["data"]["rates"]


async def subscribed(served: Served, fields: str = "kind", **options: Json) -> ClientConnection:
    """A socket with a subscription whose snapshot has been read."""
    connection = await open_socket(served, **options)
    await init(connection)
    query = f"subscription {{ rates {{ conflatedCount items {{ price }} {fields} }} }}"
    await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
    assert json.loads(await connection.recv())["type"] == "next"
    return connection


async def test_a_stop_ends_open_subscriptions_with_1001(serving: Serving, cache: MemoryCache) -> None:
    """Clients reconnect elsewhere after 1001; `complete` would end their subscriptions."""
    async with serving(cache) as served:
        await served.facts()
        connection = await subscribed(served)
        served.stop.set()
        assert [message async for message in connection] == []
        assert connection.close_code == 1001
        await asyncio.wait_for(asyncio.shield(served.done), TIMEOUT_S)


async def test_a_reader_that_vanishes_leaves_nothing_behind(serving: Serving, cache: MemoryCache) -> None:
    """The subscription ends with its socket."""
    async with serving(cache) as served:
        await served.facts()
        connection = await subscribed(served)
        assert (await served.facts())["subscribers"] == 1
        connection.transport.abort()
        await served.facts(lambda facts: facts["subscribers"] == 0)
