"""A process stops soon, even while a dependency does not respond."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from instruments.listed import InstrumentListing
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.role_context import SHUTDOWN_TIMEOUT_S
from pipeline.roles import produce, stream, sync_listing
from pipeline.settings import IngestSettings, ProducerSettings, StreamSettings
from pipeline.sources.adapter import SourceAdapter
from pipeline.sources.rest_listing import rest_listing
from pipeline.task import Task
from rates.clock import utc_now
from rates.source import Source
from rates.ticker import Ticker
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.simulated import simulated_sources
from tests.pipeline.fakes import START, FakeClock, FakeReader, fetching, instrument, memory_context, until
from tests.pipeline.http_server import open_server

# Below every timeout of ours and above what a busy machine needs.
SOON_S = SHUTDOWN_TIMEOUT_S + 5
LONG_S = 60.0


class StuckQueue(MemoryTaskQueue):
    """A `TaskQueue` that confirms nothing."""

    def __init__(self) -> None:
        super().__init__(utc_now)
        self.begun = asyncio.Event()

    async def enqueue(self, tasks: Sequence[Task]) -> None:
        self.begun.set()
        await asyncio.Event().wait()


class StuckCache(MemoryCache):
    """A `TickerSink` whose writes never end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def write(self, tickers: Sequence[Ticker]) -> int:
        self.begun.set()
        await asyncio.Event().wait()
        return 0


async def test_a_producer_does_not_wait_for_confirmations_until_its_next_tick() -> None:
    """The current tick has a short time, not the minute that its tasks would live."""
    stop, queue, clock = asyncio.Event(), StuckQueue(), FakeClock(START)
    asked = SourceAdapter(source=Source.BINANCE, open_fetcher=lambda _around: nullcontext(fetching()))
    async with asyncio.TaskGroup() as group:
        producing = group.create_task(
            produce(
                stop,
                memory_context(MemoryCache(), clock=clock),
                {Source.BINANCE: asked},
                instance="producer",
                queue=queue,
                instruments=FakeReader([instrument("BTC/USDT")]),
                settings=ProducerSettings(interval_s=LONG_S),
            )
        )
        await queue.begun.wait()
        stop.set()
        async with asyncio.timeout(SOON_S):
            await producing


@pytest.mark.servers
async def test_a_push_feed_does_not_wait_for_a_stuck_cache() -> None:
    """Its last values are lost."""
    stop, cache = asyncio.Event(), StuckCache()
    async with (
        run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as addresses,
        asyncio.TaskGroup() as group,
    ):
        streaming = group.create_task(
            stream(
                stop,
                memory_context(cache),
                simulated_sources(addresses)[Source.BINANCE],
                instance="test",
                instruments=FakeReader([instrument("BTC/USDT")]),
                settings=StreamSettings(),
                ingest=IngestSettings(),
            )
        )
        async with asyncio.timeout(LONG_S):
            await cache.begun.wait()
        stop.set()
        async with asyncio.timeout(SOON_S):
            await streaming


@pytest.mark.servers
async def test_stopping_does_not_wait_for_a_listing(tmp_path: Path) -> None:
    """Nor for the minute that it may take."""
    url = f"sqlite+aiosqlite:///{tmp_path}/instruments.sqlite"
    await migrate(url)
    store, stop = InstrumentStore(url), asyncio.Event()
    async with open_server() as exchange, asyncio.TaskGroup() as group:
        exchange.answers = False
        open_listing = rest_listing(
            Source.KRAKEN, exchange.url, "/listing", lambda _body: InstrumentListing([]), timeout_s=LONG_S
        )
        keeping = group.create_task(
            sync_listing(
                stop,
                memory_context(MemoryCache(), simulated=False),
                SourceAdapter(source=Source.KRAKEN, open_listing=open_listing),
                instance="test",
                instruments=store,
                interval=timedelta(seconds=LONG_S),
            )
        )
        await until(partial(len, exchange.asked))
        stop.set()
        async with asyncio.timeout(SOON_S):
            await keeping
    await store.close()
