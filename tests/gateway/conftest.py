"""Fixtures of the gateway's tests: a clock set by hand, tickers, a feed that follows a script, a gateway, a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest
import structlog

from cache.memory import MemoryCache
from cache.ports import FeedMessage, Snapshot, TickerFeed
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.operations import Operations, Refused
from gateway.request import GraphQLRequest
from gateway.server import bind, serve_gateway
from gateway.settings import GatewaySettings
from instruments.instrument import Halt, Instrument
from instruments.store import InstrumentReader
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker
from rates.wire import Changes

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TIMEOUT_S = 10


class FakeClock:
    """A clock that stands still until told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class ListedInstruments:
    """An `InstrumentReader` over a list that a test changes."""

    def __init__(self, *entries: tuple[Source, str]) -> None:
        self.instruments = [self.instrument(source, symbol) for source, symbol in entries]
        self.is_away = False

    @staticmethod
    def instrument(source: Source, symbol: str) -> Instrument:
        pair = parse_symbol(symbol)
        return Instrument(source, pair, f"{pair.base}{pair.quote}", f"Name of {pair.base}")

    def add(self, source: Source, symbol: str) -> None:
        self.instruments.append(self.instrument(source, symbol))

    def halt(self, source: Source, symbol: str, halt: Halt | None) -> None:
        """From now on this is what its source's listing says of it."""
        self.instruments = [
            msgspec.structs.replace(each, halt=halt)
            if (each.source, str(each.symbol)) == (source, symbol)
            else each
            for each in self.instruments
        ]

    async def read(self, source: Source | None = None) -> Sequence[Instrument]:
        if self.is_away:
            raise DatabaseUnavailable("database: away for the test")
        return [each for each in self.instruments if source in (None, each.source)]


class ScriptedFeed:
    """A `TickerFeed` whose every move the test decides. `gate`, while cleared, holds snapshots back."""

    def __init__(self) -> None:
        self.snapshots = {source: Snapshot(source, "", 0, (), ()) for source in Source}
        self.after: dict[Source, Sequence[Changes] | None] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.snapshots_begun = 0
        self.subscriptions = 0
        self.is_away = False
        self._messages: asyncio.Queue[FeedMessage | None] = asyncio.Queue()

    def send(self, message: FeedMessage) -> None:
        self._messages.put_nowait(message)

    def lose(self) -> None:
        """End the subscription; what was not read of it is lost."""
        self._messages.put_nowait(None)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        if self.is_away:
            raise CacheUnavailable("away for the test")
        self._messages = asyncio.Queue()
        self.subscriptions += 1
        yield self._drain(self._messages)

    async def _drain(self, messages: asyncio.Queue[FeedMessage | None]) -> AsyncIterator[FeedMessage]:
        while (message := await messages.get()) is not None:
            yield message
        raise CacheUnavailable("lost for the test")

    async def read_snapshot(self, source: Source) -> Snapshot:
        self.snapshots_begun += 1
        await self.gate.wait()
        return self.snapshots[source]

    async def read_after(self, source: Source, epoch: str, seq: int) -> Sequence[Changes] | None:
        return self.after.get(source)


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


def build_ticker(
    symbol: str = "BTC/USDT",
    price: str = "100",
    *,
    source: Source = Source.BINANCE,
    observed_at: datetime = NOON,
    sequence: int = 0,
    **fields: Any,
) -> Ticker:
    """A ticker that reached us 50 ms after it was observed."""
    return Ticker(
        source=source,
        symbol=parse_symbol(symbol),
        price=Decimal(price),
        observed_at=observed_at,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=fields.pop("received_at", observed_at + timedelta(milliseconds=50)),
        sequence=sequence,
        **fields,
    )


async def wait_until(predicate: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail when it has not for ten seconds."""
    async with asyncio.timeout(TIMEOUT_S):
        while not predicate():  # noqa: ASYNC110 - waits for code that offers no event
            await asyncio.sleep(0.002)


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
        except Refused as exc:
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
