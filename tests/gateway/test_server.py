"""The gateway on a real port, with real clients."""

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any

import httpx
import pytest
import websockets
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from cache.ports import Snapshot
from gateway.pages import DASHBOARD_POLICY, PAGE_POLICY
from gateway.server import bind, serve_gateway
from gateway.settings import GatewaySettings
from rates.errors import InvalidSetting, PortInUse
from rates.source import Source

LIVE = gql("subscription { rates { kind items { symbol price freshness } conflated cursor sentAt } }")
SUBPROTOCOL = websockets.Subprotocol("graphql-transport-ws")
PROTOCOLS = [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL, WebsocketsTransport.APOLLO_SUBPROTOCOL]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_subscription_receives_a_snapshot_and_then_updates(
    serving: Any, cache: Any, ticker: Any, protocol: Any
) -> None:
    """Over both WebSocket protocols, with a client that people use."""
    await cache.write([ticker(price="1")])
    async with serving(cache) as served:
        transport = WebsocketsTransport(url=served.ws, subprotocols=[protocol])
        async with asyncio.timeout(10), Client(transport=transport) as session:
            prices: list[str] = []
            async with aclosing(session.subscribe(LIVE)) as events:
                async for event in events:
                    prices += [item["price"] for item in event["rates"]["items"]]
                    if len(prices) == 3:
                        break
                    await cache.write([ticker(price=str(len(prices) + 1), sequence=len(prices))])
            assert prices == ["1", "2", "3"]


async def test_queries_are_answered_over_post_get_and_websocket(
    serving: Any, cache: Any, ticker: Any
) -> None:
    """With the same answer."""
    await cache.write([ticker(price="1")])
    query = '{ rate(symbol: "BTC/USDT") { price freshness } }'
    expected = {"rate": {"price": "1", "freshness": "FRESH"}}
    async with serving(cache) as served, served.client() as client:
        await ready(client)
        posted = await client.post("/graphql", json={"query": query})
        assert posted.json() == {"data": expected}
        assert posted.headers["content-type"] == "application/json; charset=utf-8"
        got = await client.get("/graphql", params={"query": query})
        assert got.json() == {"data": expected}
        for protocol in PROTOCOLS:
            transport = WebsocketsTransport(url=served.ws, subprotocols=[protocol])
            async with asyncio.timeout(10), Client(transport=transport) as session:
                assert await session.execute(gql(query)) == expected


async def facts_where(client: httpx.AsyncClient, holds: Callable[[Any], bool]) -> Any:
    """The facts of readiness, as soon as they are what is waited for."""
    async with asyncio.timeout(10):
        while not holds(facts := (await client.get("/health/ready")).json()):  # noqa: ASYNC110 - asks a server
            await asyncio.sleep(0.01)
    return facts


async def ready(client: httpx.AsyncClient) -> Any:
    return await facts_where(client, lambda facts: facts["ready"])


async def test_errors_over_websocket_carry_their_codes_and_leave_the_socket_open(
    serving: Any, cache: Any
) -> None:
    """Unknown symbol, wrong argument, document that does not parse: one operation's matter."""
    async with serving(cache) as served, served.client() as client:
        await ready(client)
        transport = WebsocketsTransport(url=served.ws, subprotocols=PROTOCOLS[:1])
        async with asyncio.timeout(10), Client(transport=transport) as session:
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


async def open_socket(served: Any, **options: Any) -> Any:
    return await websockets.connect(served.ws, subprotocols=[SUBPROTOCOL], **options)


async def init(connection: Any) -> None:
    await connection.send('{"type":"connection_init","payload":null}')
    assert json.loads(await connection.recv())["type"] == "connection_ack"


async def test_a_document_that_does_not_parse_is_an_error_message(serving: Any, cache: Any) -> None:
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
async def test_a_malformed_message_is_answered_by_4400(serving: Any, cache: Any, message: str) -> None:
    """Never by a dropped connection."""
    async with serving(cache) as served, await open_socket(served) as connection:
        await init(connection)
        await connection.send(message)
        with pytest.raises(websockets.ConnectionClosedError):
            await connection.recv()
        assert connection.close_code == 4400


async def test_a_websocket_from_another_origin_is_refused(serving: Any, cache: Any) -> None:
    """Browsers let any page open one, so the server must look."""
    async with serving(cache) as served:
        with pytest.raises(websockets.InvalidStatus):
            await open_socket(served, origin="https://elsewhere.example")
        async with await open_socket(served, origin=served.http) as connection:
            await init(connection)


async def test_listed_origins_are_let_in(serving: Any, cache: Any) -> None:
    """Over HTTP through CORS, over WebSocket by the same list."""
    listed = GatewaySettings(port=0, allowed_origins=["https://dash.example"])
    async with serving(cache, listed) as served, served.client() as client:
        allowed = await client.post(
            "/graphql", json={"query": "{ __typename }"}, headers={"origin": "https://dash.example"}
        )
        assert allowed.headers["access-control-allow-origin"] == "https://dash.example"
        async with await open_socket(served, origin="https://dash.example") as connection:
            await init(connection)


async def test_browsers_get_pages_and_programs_get_data(serving: Any, cache: Any) -> None:
    """GraphiQL only for whoever asks for HTML; assets may be kept for ever; policies on everything."""
    async with serving(cache) as served, served.client() as client:
        html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        graphiql = await client.get("/graphql", headers=html)
        assert "GraphiQL" in graphiql.text
        assert graphiql.headers["content-security-policy"] == PAGE_POLICY
        assert graphiql.headers["cache-control"] == "no-cache"
        assert graphiql.headers["x-content-type-options"] == "nosniff"
        answer = await client.get("/graphql", headers=html, params={"query": "{ __typename }"})
        assert answer.json() == {"data": {"__typename": "Query"}}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        dashboard = await client.get("/")
        assert "dashboard" in dashboard.text
        assert dashboard.headers["content-security-policy"] == DASHBOARD_POLICY
        assert "unsafe" not in DASHBOARD_POLICY
        asset = await client.get("/assets/index-abc123.js")
        assert "immutable" in asset.headers["cache-control"]
        missing = await client.get("/assets/none.js")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/graphql")).status_code == 400


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"5", "application/json", 400),
        (b"null", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"query":5}', "application/json", 400),
        (b'{"query":"{a}","variables":[]}', "application/json", 400),
        (b'{"query":"{a}","operationName":5}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"query":"\xff"}', "application/json", 400),
        (b"[" * 90_000, "application/json", 400),
        (b'{"variables":{"a":' + b"9" * 5_000 + b"}}", "application/json", 400),
        (b'{"query":"' + b"a" * 100_000 + b'"}', "application/json", 413),
        (b'{"query":"{__typename}"}', "text/plain", 415),
        (b'{"query":"subscription{sources{state}}"}', "application/json", 400),
    ],
)
async def test_a_request_that_cannot_be_used_is_refused_with_words(
    serving: Any, cache: Any, body: bytes, content_type: str, status: int
) -> None:
    """As JSON, never with a 5xx."""
    async with serving(cache) as served, served.client() as client:
        answer = await client.post("/graphql", content=body, headers={"content-type": content_type})
        assert answer.status_code == status
        assert answer.json()["errors"][0]["message"]
        assert (await client.put("/graphql")).status_code == 405


async def test_readiness_is_facts(serving: Any, cache: Any, ticker: Any) -> None:
    """200 once cache and catalogue have been read."""
    await cache.write([ticker()])
    async with serving(cache) as served, served.client() as client:
        assert (await client.get("/health/live")).json() == {"status": "alive"}
        facts = await ready(client)
        assert facts["ready"] is True
        assert facts["simulated"] is True
        assert facts["cache"]["connected"] is True
        assert facts["catalog"] == {"loaded": True, "instruments": 4, "error": None}
        assert facts["sources"]["BINANCE"]["lagMs"] == 50
        assert facts["sources"]["BINANCE"]["seen"] == 1


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready"])
async def test_monitors_may_ask_by_head(serving: Any, cache: Any, path: str) -> None:
    """The head of what GET answers, and no body: RFC 9110 wants both of every server, and uptime checks use the smaller one."""
    async with serving(cache) as served, served.client() as client:
        await ready(client)
        head, got = await client.head(path), await client.get(path)
        assert head.status_code == got.status_code == 200
        assert head.headers["content-length"] == got.headers["content-length"]
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.content == b""


async def test_it_is_alive_but_not_ready_without_the_cache(serving: Any, scripted_feed: Any) -> None:
    """And says why; a query is told that the service is not available."""
    scripted_feed.is_away = True
    async with serving(scripted_feed) as served, served.client() as client:
        assert (await client.get("/health/live")).status_code == 200
        facts = await facts_where(client, lambda facts: facts["cache"]["error"] is not None)
        assert facts["ready"] is False
        assert facts["cache"]["error"] == "away for the test"
        answer = await client.post("/graphql", json={"query": '{ rate(symbol: "BTC/USDT") { price } }'})
        assert answer.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"


async def test_a_subscription_stays_open_while_the_cache_is_away(
    serving: Any, scripted_feed: Any, ticker: Any
) -> None:
    """And goes on when it is back."""
    async with serving(scripted_feed) as served, served.client() as client:
        await ready(client)
        transport = WebsocketsTransport(url=served.ws, subprotocols=PROTOCOLS[:1])
        async with (
            asyncio.timeout(10),
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
    serving: Any, cache: Any, ticker: Any
) -> None:
    """What its connection cannot hold is merged, not queued; another reader sees every update meanwhile."""
    # 12 MB in all: more than the client's window, the kernel and the server's buffer hold together.
    last, wide = (
        2_000,
        " ".join(f"copy{n}: items {{ id symbol price observedAt expiresAt }}" for n in range(40)),
    )
    async with serving(cache) as served, served.client() as client:
        await ready(client)
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
                    conflated += event["conflated"]
                    (item,) = event["items"]
                    assert int(item["price"]) > seen
                    seen = int(item["price"])
            await slow.close()
            assert conflated > 0


def small_socket(served: Any) -> socket.socket:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", int(served.http.rpartition(":")[2])))
    link.setblocking(False)
    return link


async def next_event(connection: Any) -> Any:
    return json.loads(await connection.recv())["payload"]["data"]["rates"]


async def subscribed(served: Any, fields: str = "kind", **options: Any) -> Any:
    """A socket with a subscription whose snapshot has been read."""
    connection = await open_socket(served, **options)
    await init(connection)
    query = f"subscription {{ rates {{ conflated items {{ price }} {fields} }} }}"
    await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
    assert json.loads(await connection.recv())["type"] == "next"
    return connection


async def test_a_stop_ends_open_subscriptions_with_1001_within_seconds(serving: Any, cache: Any) -> None:
    """Which tells clients to come back elsewhere, where `complete` would tell them that it is over."""
    async with serving(cache) as served, served.client() as client:
        await ready(client)
        connection = await subscribed(served)
        loop = asyncio.get_running_loop()
        before = loop.time()
        served.stop.set()
        assert [message async for message in connection] == []
        assert connection.close_code == 1001
        await asyncio.wait_for(asyncio.shield(served.done), 5)
        assert loop.time() - before < 5


async def test_a_reader_that_vanishes_leaves_nothing_behind(serving: Any, cache: Any) -> None:
    """The subscription ends with its socket."""
    async with serving(cache) as served, served.client() as client:
        await ready(client)
        connection = await subscribed(served)
        assert (await ready(client))["subscribers"] == 1
        connection.transport.abort()
        await facts_where(client, lambda facts: facts["subscribers"] == 0)


async def test_a_part_that_fails_takes_the_process_down(instruments: Any, settings: GatewaySettings) -> None:
    """Visible at once, instead of serving rates that no longer move."""

    class Broken:
        def subscribe(self) -> Any:
            raise ZeroDivisionError("a bug")

    with closing(bind(settings)) as listener:
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(10):
                await serve_gateway(
                    Broken(),  # type: ignore[arg-type]  # that is the point
                    instruments,
                    settings,
                    asyncio.Event(),
                    simulated=True,
                    listener=listener,
                )
        assert caught.group_contains(ZeroDivisionError)


def test_a_port_in_use_is_said_in_words() -> None:
    """With the setting that changes it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port} is in use.*RATEWIRE_GATEWAY_PORT"):
            bind(GatewaySettings(port=port))


def test_an_address_of_another_machine_is_said_in_words() -> None:
    """192.0.2.1 is reserved for documentation."""
    with pytest.raises(InvalidSetting, match="RATEWIRE_GATEWAY_HOST"):
        bind(GatewaySettings(host="192.0.2.1", port=0))
