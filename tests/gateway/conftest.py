"""Fixtures of the gateway's tests: fakes, a gateway, a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest
import structlog
from structlog.typing import EventDict

from access.authority import KeyAuthority
from access.key_watch import KeyWatch
from cache.memory import MemoryCache
from cache.ports import TickerFeed
from gateway.app import create_operations
from gateway.budgets.account_registry import Accounts
from gateway.gateway import Gateway
from gateway.listening_socket import bind
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from gateway.server import serve_gateway
from gateway.settings import GatewaySettings
from instruments.store import InstrumentReader
from rates.source import Source
from tests.gateway.fakes import (
    TIMEOUT_S,
    FakeClock,
    ListedInstruments,
    ScriptedFeed,
    build_ticker,
    wait_until,
)
from tests.gateway.fixture_types import (
    Answered,
    AnsweredError,
    BuildTicker,
    Execute,
    Json,
    ReadyGateway,
    Running,
    Served,
    Serving,
    Until,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ticker() -> BuildTicker:
    return build_ticker


@pytest.fixture
def until() -> Until:
    return wait_until


@pytest.fixture
async def scripted_feed() -> ScriptedFeed:
    return ScriptedFeed()


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
def instruments() -> ListedInstruments:
    return ListedInstruments(
        (Source.BINANCE, "BTC/USDT"),
        (Source.BINANCE, "ETH/USDT"),
        (Source.COINGECKO, "BTC/USD"),
        (Source.COINGECKO, "BTC/USDT"),
    )


@pytest.fixture(scope="session")
def session_settings() -> GatewaySettings:
    """Settings, read from the environment once, which takes 4 ms of processor time."""
    return GatewaySettings(
        port=0, catalog_refresh_s=0.02, drain_s=0, shutdown_timeout_s=1, history_timeout_s=60
    )


@pytest.fixture
def settings(session_settings: GatewaySettings) -> GatewaySettings:
    """Settings that a test may change."""
    return session_settings.model_copy()


@pytest.fixture
def static_directory(tmp_path: Path) -> Path:
    """Pages as a build of the dashboard would leave them."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<!doctype html><html lang="en"><title>dashboard</title></html>')
    (tmp_path / "not-found.html").write_text('<!doctype html><title>404</title><a href="/">Market</a>')
    (tmp_path / "graphiql.html").write_text("<!doctype html><title>GraphiQL</title>")
    (tmp_path / "assets" / "index-abc123.js").write_text("export {};")
    return tmp_path


@pytest.fixture
def running(clock: FakeClock, instruments: ListedInstruments, settings: GatewaySettings) -> Running:
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
async def gateway(running: Running, cache: MemoryCache) -> AsyncIterator[Gateway]:
    async with running(cache) as gateway:
        yield gateway


@pytest.fixture
def operations(gateway: Gateway, settings: GatewaySettings) -> Operations:
    return create_operations(gateway, settings)


@pytest.fixture
def fast_operations(gateway: Gateway, settings: GatewaySettings) -> Operations:
    """For what is true of the fast path only, whatever the environment says."""
    return create_operations(gateway, settings.model_copy(update={"fast_path": True}))


@pytest.fixture
def execute(operations: Operations) -> Execute:
    """Executes a query, without a transport."""

    async def run(query: str, **variables: object) -> Answered:
        try:
            result = await operations.execute(operations.prepare(GraphQLRequest(query, variables)))
        except OperationRejected as exc:
            result = {"errors": exc.errors}
        errors = [AnsweredError(**each) for each in result.get("errors", ())]
        return Answered(cast("Json", result.get("data")), errors)

    return run


@pytest.fixture
def serving(
    clock: FakeClock, instruments: ListedInstruments, settings: GatewaySettings, static_directory: Path
) -> Serving:
    """Serves a gateway over a feed on a free port."""

    @asynccontextmanager
    async def serve(
        feed: TickerFeed,
        configured: GatewaySettings = settings,
        accounts: Accounts | None = None,
        *,
        authority: KeyAuthority | None = None,
        key_watch: KeyWatch | None = None,
    ) -> AsyncIterator[Served]:
        stop, at_once, listening = asyncio.Event(), asyncio.Event(), asyncio.Event()
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
                    authority=authority,
                    key_watch=key_watch,
                    accounts=accounts,
                    clock=clock,
                    static_directory=static_directory,
                    on_ready=listening.set,
                    at_once=at_once,
                )
            )
            waiting = asyncio.create_task(listening.wait())
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await asyncio.wait({waiting, done}, return_when=asyncio.FIRST_COMPLETED)
                yield Served(
                    f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/graphql", stop, at_once, done
                )
            finally:
                waiting.cancel()
                stop.set()
                async with asyncio.timeout(TIMEOUT_S):
                    await asyncio.wait([done])
                    if not done.cancelled() and (error := done.exception()):
                        raise error

    return serve


@pytest.fixture
def structured_logs() -> Iterator[list[EventDict]]:
    """The log events of the test."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def ready_gateway(serving: Serving, cache: MemoryCache) -> ReadyGateway:
    """Serves the cache; settings by name differ from the defaults."""

    @asynccontextmanager
    async def serve(feed: TickerFeed = cache, **configured: object) -> AsyncIterator[Served]:
        defaults = {"port": 0, "catalog_refresh_s": 0.02, "drain_s": 0, "shutdown_timeout_s": 1}
        settings = GatewaySettings.model_validate({**defaults, **configured})
        async with serving(feed, settings) as served:
            await served.facts()
            yield served

    return serve


@pytest.fixture
async def gateway_with_rate(gateway: Gateway, cache: MemoryCache) -> Gateway:
    """A gateway with a rate."""
    ticker = build_ticker()
    await cache.write([ticker])
    await wait_until(lambda: gateway.mirror.read(ticker.key) is not None)
    return gateway
