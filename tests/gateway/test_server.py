"""The gateway on a real port, with real clients: pages, answers, and how it starts and ends."""

import asyncio
import socket
from contextlib import closing
from typing import NoReturn

import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from structlog.typing import EventDict

from cache.memory import MemoryCache
from cache.ports import Snapshot
from gateway import startup
from gateway.listening_socket import bind
from gateway.pages import DASHBOARD_POLICY, PAGE_POLICY
from gateway.server import serve_gateway
from gateway.settings import GatewaySettings
from rates.errors import InvalidSetting, PortInUse
from rates.source import Source
from tests.gateway.fakes import TIMEOUT_S, FakeClock, ListedInstruments, ScriptedFeed
from tests.gateway.fixture_types import BuildTicker, Serving, Until

pytestmark = pytest.mark.servers

PROTOCOLS = [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL, WebsocketsTransport.APOLLO_SUBPROTOCOL]


async def test_queries_are_answered_over_post_get_and_websocket(
    serving: Serving, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """With the same answer."""
    await cache.write([ticker(price="1")])
    query = '{ rate(symbol: "BTC/USDT") { price freshness } }'
    expected = {"rate": {"price": "1", "freshness": "FRESH"}}
    async with serving(cache) as served, served.client() as client:
        await served.facts()
        posted = await client.post("/graphql", json={"query": query})
        assert posted.json() == {"data": expected}
        assert posted.headers["content-type"] == "application/json; charset=utf-8"
        got = await client.get("/graphql", params={"query": query})
        assert got.json() == {"data": expected}
        for protocol in PROTOCOLS:
            transport = WebsocketsTransport(url=served.ws, subprotocols=[protocol])
            async with asyncio.timeout(60), Client(transport=transport) as session:
                assert await session.execute(gql(query)) == expected


HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_browsers_get_pages_and_programs_get_data(serving: Serving, cache: MemoryCache) -> None:
    """GraphiQL only for clients that prefer HTML; assets are immutable; all have policies."""
    async with serving(cache) as served, served.client() as client:
        graphiql = await client.get("/graphql", headers=HTML)
        assert "GraphiQL" in graphiql.text
        assert graphiql.headers["content-security-policy"] == PAGE_POLICY
        assert graphiql.headers["cache-control"] == "no-cache"
        assert graphiql.headers["x-content-type-options"] == "nosniff"
        assert graphiql.headers["vary"] == "Accept-Encoding, Accept, Origin"
        dashboard = await client.get("/")
        assert "dashboard" in dashboard.text
        assert "<html data-simulated" in dashboard.text
        assert dashboard.headers["content-security-policy"] == DASHBOARD_POLICY
        assert "unsafe" not in DASHBOARD_POLICY
        held = {"if-none-match": dashboard.headers["etag"]}
        assert (await client.get("/", headers=held)).status_code == 304
        asset = await client.get("/assets/index-abc123.js")
        assert "immutable" in asset.headers["cache-control"]
        missing = await client.get("/assets/none.js")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/graphql")).status_code == 400


async def test_a_browser_with_a_query_gets_graphiql_and_a_program_its_answer(
    serving: Serving, cache: MemoryCache
) -> None:
    """Also once the request is known. A hash is asked by programs only."""
    query = {"query": "{ __typename }"}
    async with serving(cache) as served, served.client() as client:
        await served.facts()
        for _ in range(3):
            page = await client.get("/graphql", headers=HTML, params=query)
            assert "GraphiQL" in page.text
            for accept in ("*/*", "application/json, text/html"):
                answer = await client.get("/graphql", headers={"accept": accept}, params=query)
                assert answer.json() == {"data": {"__typename": "Query"}}
                assert "default-src 'none'" in answer.headers["content-security-policy"]
        by_hash = await client.get("/graphql", headers=HTML, params={"documentId": "sha256:" + "0" * 64})
        assert by_hash.headers["content-type"].startswith("application/")


async def test_an_unknown_address_is_a_page_for_a_browser(serving: Serving, cache: MemoryCache) -> None:
    """With a way back, as 404. Programs get JSON."""
    async with serving(cache) as served, served.client() as client:
        for path in ("/nowhere", "/assets/none.js", "/graphql/more"):
            page = await client.get(path, headers=HTML)
            assert (page.status_code, page.headers["cache-control"]) == (404, "no-store")
            assert 'href="/"' in page.text
            assert page.headers["content-security-policy"] == DASHBOARD_POLICY
            assert page.headers["vary"].startswith("Accept-Encoding, Accept")
            answer = await client.get(path)
            assert answer.status_code == 404
            assert answer.json()


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
    serving: Serving, cache: MemoryCache, body: bytes, content_type: str, status: int
) -> None:
    """As JSON, never with a 5xx."""
    async with serving(cache) as served, served.client() as client:
        answer = await client.post("/graphql", content=body, headers={"content-type": content_type})
        assert answer.status_code == status
        assert answer.json()["errors"][0]["message"]
        assert (await client.patch("/graphql")).status_code == 405


async def test_readiness_is_facts(serving: Serving, cache: MemoryCache, ticker: BuildTicker) -> None:
    """200 once cache and catalogue have been read."""
    await cache.write([ticker()])
    async with serving(cache) as served, served.client() as client:
        assert (await client.get("/health/live")).json() == {"status": "alive"}
        facts = await served.facts()
        assert [facts["ready"], facts["simulated"], facts["cache"]["connected"]] == [True, True, True]
        assert facts["catalog"] == {
            "loaded": True,
            "instruments": 4,
            "error": None,
            "lastKnownFrom": None,
            "heldBack": {},
        }
        assert facts["sources"]["BINANCE"]["lagMs"] == 50
        assert facts["sources"]["BINANCE"]["seen"] == 1


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready"])
async def test_monitors_may_ask_by_head(serving: Serving, cache: MemoryCache, path: str) -> None:
    """The head of GET without a body [RFC 9110]: uptime checks prefer it."""
    async with serving(cache) as served, served.client() as client:
        await served.facts()
        head, got = await client.head(path), await client.get(path)
        assert head.status_code == got.status_code == 200
        assert head.headers["content-length"] == got.headers["content-length"]
        assert head.headers["content-type"] == got.headers["content-type"]
        assert head.content == b""


async def test_it_is_alive_but_not_ready_without_the_cache(
    serving: Serving, scripted_feed: ScriptedFeed, clock: FakeClock
) -> None:
    """And says why."""
    async with serving(scripted_feed) as served, served.client() as client:
        scripted_feed.is_away = True
        scripted_feed.lose()
        await served.facts(lambda facts: facts["cache"]["error"] == "away for the test")
        clock.advance(GatewaySettings().unready_after_s + 1)
        facts = await served.facts(lambda facts: not facts["ready"])
        assert facts["cache"]["error"] == "away for the test"
        assert (await client.get("/health/live")).status_code == 200


async def test_nothing_listens_before_the_first_load(
    instruments: ListedInstruments,
    settings: GatewaySettings,
    scripted_feed: ScriptedFeed,
    ticker: BuildTicker,
    clock: FakeClock,
    until: Until,
    structured_logs: list[EventDict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Early clients are refused and the log names what is awaited.

    The first accepted connection gets data.
    """
    monkeypatch.setattr(startup, "LOG_INTERVAL_S", 0.01)
    scripted_feed.snapshots[Source.BINANCE] = Snapshot(Source.BINANCE, "e", 1, (ticker(price="7"),), ())
    scripted_feed.gate.clear()
    instruments.is_away = True
    stop = asyncio.Event()

    def waiting_for() -> list[str]:
        return [each["waiting_for"] for each in structured_logs if each["event"] == "gateway waiting"]

    with closing(bind(settings)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortInUse):
            bind(settings.model_copy(update={"port": port}))
        serving = asyncio.create_task(
            serve_gateway(
                scripted_feed, instruments, settings, stop, simulated=True, listener=listener, clock=clock
            )
        )

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection("127.0.0.1", port)

        both = "cache (in this process), tracked instruments (in this process): database: away for the test"
        await until(lambda: both in waiting_for())
        with pytest.raises(ConnectionRefusedError):
            await connect()
        scripted_feed.gate.set()
        await until(lambda: waiting_for()[-1].startswith("tracked instruments"))
        with pytest.raises(ConnectionRefusedError):
            await connect()
        instruments.is_away = False
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    reader, writer = await connect()
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0)
            query = "%7B%20rate(symbol:%22BTC/USDT%22)%20%7B%20price%20%7D%20%7D"
            writer.write(f"GET /graphql?query={query} HTTP/1.0\r\nHost: here\r\n\r\n".encode())
            answer = await reader.read()
            assert answer.endswith(b'{"data":{"rate":{"price":"7"}}}')
            writer.close()
            stop.set()
            await serving


async def test_a_gateway_that_never_listened_stops_when_asked(
    instruments: ListedInstruments, settings: GatewaySettings, scripted_feed: ScriptedFeed
) -> None:
    """While its cache is still away."""
    scripted_feed.is_away = True
    stop = asyncio.Event()
    stop.set()
    with closing(bind(settings)) as listener:
        async with asyncio.timeout(TIMEOUT_S):
            await serve_gateway(scripted_feed, instruments, settings, stop, simulated=True, listener=listener)


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("redis://user:secret@cache:6379/0", "redis cache:6379"),
        ("redis+sentinel://a:1,b:2/mymaster", "redis a:1,b:2"),
        ("postgresql+asyncpg://user:secret@db:5432/ratewire", "postgresql db:5432"),
        ("sqlite+aiosqlite:////data/instruments.db", "sqlite //data/instruments.db"),
    ],
)
def test_the_address_of_a_backend_is_logged_without_credentials(url: str, printed: str) -> None:
    """By technology and address."""
    assert startup.format_address(url) == printed


async def test_a_part_that_always_fails_keeps_the_gateway_from_listening(
    instruments: ListedInstruments, settings: GatewaySettings
) -> None:
    """Each attempt costs an exception, and the process still stops when asked to."""
    attempted, stop = asyncio.Event(), asyncio.Event()

    class Broken:
        attempts = 0

        def subscribe(self) -> NoReturn:
            self.attempts += 1
            if self.attempts > 1:
                attempted.set()
            raise ZeroDivisionError("a bug")

    with closing(bind(settings)) as listener:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(
                serve_gateway(
                    Broken(),  # type: ignore[arg-type]  # that is the point
                    instruments,
                    settings,
                    stop,
                    simulated=True,
                    listener=listener,
                )
            )
            await attempted.wait()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*listener.getsockname()[:2])
            stop.set()


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
