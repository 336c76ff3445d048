"""Fixtures of the gateway's tests: fakes, a gateway, a real server."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx
import pytest
import structlog

from cache.memory import MemoryCache
from cache.ports import TickerFeed
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.operations import OperationRejected, Operations
from gateway.request import GraphQLRequest
from gateway.server import bind, serve_gateway
from gateway.settings import GatewaySettings
from instruments.store import InstrumentReader
from rates.source import Source
from rates.ticker import Ticker
from tests.gateway.fakes import (
    TIMEOUT_S,
    FakeClock,
    ListedInstruments,
    ScriptedFeed,
    build_ticker,
    wait_until,
)


class Answered(NamedTuple):
    """The result of a query."""

    data: Any
    errors: list[Any] | None


class Served(NamedTuple):
    """A gateway on a real port."""

    http: str
    ws: str
    stop: asyncio.Event
    done: asyncio.Task[None]

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client of it, without TLS: to read the certificates of all authorities takes 20 ms each time."""
        return httpx.AsyncClient(
            base_url=self.http, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options
        )

    async def facts(self, holds: Callable[[Any], bool] = lambda facts: facts["ready"]) -> Any:
        """The facts of readiness, as soon as they are what is waited for."""
        async with self.client() as client, asyncio.timeout(TIMEOUT_S):
            while not holds(facts := (await client.get("/health/ready")).json()):  # noqa: ASYNC110 - asks a server
                await asyncio.sleep(0.01)
        return facts


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ticker() -> Callable[..., Ticker]:
    return build_ticker


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Any]:
    return wait_until


@pytest.fixture
async def scripted_feed() -> ScriptedFeed:
    return ScriptedFeed()


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(stream_length=100)


@pytest.fixture
def instruments() -> ListedInstruments:
    return ListedInstruments(
        (Source.BINANCE, "BTC/USDT"),
        (Source.BINANCE, "ETH/USDT"),
        (Source.COINGECKO, "BTC/USD"),
        (Source.COINGECKO, "BTC/USDT"),
    )


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings(port=0, catalog_refresh_s=0.02, shutdown_timeout_s=1)


@pytest.fixture
def static_directory(tmp_path: Path) -> Path:
    """Pages as a build of the dashboard would leave them."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>dashboard</title>")
    (tmp_path / "graphiql.html").write_text("<!doctype html><title>GraphiQL</title>")
    (tmp_path / "assets" / "index-abc123.js").write_text("export {};")
    return tmp_path


@pytest.fixture
def running(
    clock: FakeClock, instruments: ListedInstruments, settings: GatewaySettings
) -> Callable[..., AbstractAsyncContextManager[Gateway]]:
    """Runs a gateway over a feed, without a server."""

    @asynccontextmanager
    async def run(feed: TickerFeed, reader: InstrumentReader = instruments) -> AsyncIterator[Gateway]:
        gateway = Gateway(feed, reader, settings, simulated=True, clock=clock)
        task = asyncio.create_task(gateway.run())
        try:
            await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
            yield gateway
        finally:
            task.cancel()
            await asyncio.wait([task])

    return run


@pytest.fixture
async def gateway(
    running: Callable[..., AbstractAsyncContextManager[Gateway]], cache: MemoryCache
) -> AsyncIterator[Gateway]:
    async with running(cache) as gateway:
        yield gateway


@pytest.fixture
def operations(gateway: Gateway, settings: GatewaySettings) -> Operations:
    return create_app(gateway, settings).graphql.operations


@pytest.fixture
def fast_operations(gateway: Gateway, settings: GatewaySettings) -> Operations:
    """For what is true of the fast path only, whatever the environment says."""
    return create_app(gateway, settings.model_copy(update={"fast_path": True})).graphql.operations


@pytest.fixture
def execute(operations: Operations) -> Callable[..., Any]:
    """Executes a query, without a transport."""

    async def run(query: str, **variables: Any) -> Answered:
        try:
            result = await operations.execute(operations.prepare(GraphQLRequest(query, variables)))
        except OperationRejected as exc:
            result = {"errors": exc.errors}
        errors = [SimpleNamespace(**each) for each in result.get("errors", ())]
        return Answered(result.get("data"), errors or None)

    return run


@pytest.fixture
def serving(
    clock: FakeClock, instruments: ListedInstruments, settings: GatewaySettings, static_directory: Path
) -> Callable[..., AbstractAsyncContextManager[Served]]:
    """Serves a gateway over a feed on a free port."""

    @asynccontextmanager
    async def serve(feed: TickerFeed, configured: GatewaySettings = settings) -> AsyncIterator[Served]:
        stop = asyncio.Event()
        with closing(bind(configured)) as listener:
            port = listener.getsockname()[1]
            done = asyncio.create_task(
                serve_gateway(
                    feed,
                    instruments,
                    configured,
                    stop,
                    simulated=True,
                    listener=listener,
                    clock=clock,
                    static_directory=static_directory,
                )
            )
            try:
                yield Served(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/graphql", stop, done)
            finally:
                stop.set()
                async with asyncio.timeout(TIMEOUT_S):
                    await asyncio.wait([done])
                    if not done.cancelled() and (error := done.exception()):
                        raise error

    return serve


@pytest.fixture
def structured_logs() -> Iterator[list[Any]]:
    """What is logged during the test, as events."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def ready_gateway(serving: Any, cache: Any) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Serves the cache; settings by name differ from the defaults."""

    @asynccontextmanager
    async def serve(feed: Any = cache, **configured: Any) -> AsyncIterator[Any]:
        settings = GatewaySettings(port=0, catalog_refresh_s=0.02, shutdown_timeout_s=1, **configured)
        async with serving(feed, settings) as served:
            await served.facts()
            yield served

    return serve


@pytest.fixture
async def gateway_with_rate(gateway: Gateway, cache: Any) -> Gateway:
    """A gateway with a rate."""
    ticker = build_ticker()
    await cache.write([ticker])
    await wait_until(lambda: gateway.mirror.read(ticker.key) is not None)
    return gateway
