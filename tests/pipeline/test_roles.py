"""Roles of the pipeline against the simulator, in memory and on Redis and RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Protocol

import aio_pika
import pytest

from cache.memory import MemoryCache
from cache.ports import TickerFeed, TickerSink
from cache.redis_client import open_redis
from cache.redis_feed import RedisTickerFeed
from cache.redis_sink import RedisTickerSink
from instruments.instrument import Instrument
from pipeline.coordination.memory_coordination import MemoryCoordination
from pipeline.coordination.ports import Coordination
from pipeline.coordination.redis_coordination import RedisCoordination
from pipeline.ports import TaskQueue
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.queue.names import queue_name
from pipeline.queue.rabbitmq import RabbitTaskQueue
from pipeline.role_context import RoleContext
from pipeline.roles import consume, polled, produce, stream
from pipeline.settings import ConsumerSettings, IngestSettings, ProducerSettings, StreamSettings
from pipeline.sources.adapter import SourceAdapter
from pipeline.sources.binance.factory import binance
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.coingecko.factory import coingecko
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from rates.clock import utc_now
from rates.errors import InvalidSetting
from rates.health import LinkState, SourceReport
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker
from runtime.heartbeat import Heartbeat
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from tests.pipeline.fakes import FakeReader, eventually, instrument

pytestmark = pytest.mark.servers

KEYS = RedisKeys(simulated=True)
PATIENCE_S = 60
BINANCE_PAIRS = [instrument(f"{base}/USDT") for base in ("BTC", "ETH", "SOL", "XRP", "DOGE")]
COINS = [
    Instrument(Source.COINGECKO, parse_symbol(f"{base}/USD"), coin, base)
    for base, coin in (("BTC", "bitcoin"), ("ETH", "ethereum"))
]


class Backends(Protocol):
    """Queue, cache and coordination, in memory or on real servers."""

    @property
    def queue(self) -> TaskQueue: ...

    @property
    def coordination(self) -> Coordination: ...

    @property
    def sink(self) -> TickerSink: ...

    @property
    def feed(self) -> TickerFeed: ...


class MemoryBackends:
    def __init__(self) -> None:
        self.queue = MemoryTaskQueue(utc_now)
        self.coordination = MemoryCoordination(utc_now)
        self.sink = self.feed = MemoryCache()


class RealBackends:
    def __init__(self, redis_url: str, amqp_url: str) -> None:
        self.redis = open_redis(redis_url)
        self.queue = RabbitTaskQueue(amqp_url, Source, clock=utc_now)
        self.coordination = RedisCoordination(self.redis, KEYS, clock=utc_now)
        self.sink = RedisTickerSink(self.redis, KEYS)
        self.feed = RedisTickerFeed(self.redis, KEYS)

    async def close(self) -> None:
        await self.queue.close()
        await self.redis.aclose()


@pytest.fixture(params=["memory", "real"])
async def backends(request: pytest.FixtureRequest) -> AsyncIterator[Backends]:
    """New, empty backends of either kind."""
    if request.param == "memory":
        yield MemoryBackends()
        return
    amqp_url = request.getfixturevalue("amqp_url")
    real = RealBackends(request.getfixturevalue("redis_url"), amqp_url)
    await real.redis.flushall()
    await real.queue.connect()
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        for source in (Source.BINANCE, Source.COINGECKO):
            await (await channel.get_queue(queue_name(source))).purge()
    yield real
    await real.close()


class Pipeline:
    """Roles of the pipeline as tasks. Each can be stopped on its own."""

    def __init__(self, backends: Backends, reader: FakeReader, adapters: dict[Source, SourceAdapter]) -> None:
        self._backends, self._reader, self._adapters = backends, reader, adapters
        self._context = RoleContext(
            sink=backends.sink,
            coordination=backends.coordination,
            heartbeat=Heartbeat(None),
            simulated=True,
        )

    async def producer(self, stop: asyncio.Event) -> None:
        await produce(
            stop,
            self._context,
            self._adapters,
            instance="producer",
            queue=self._backends.queue,
            instruments=self._reader,
            settings=ProducerSettings(interval_s=1, refresh_s=0.1),
        )

    async def consumer(self, source: Source, stop: asyncio.Event) -> None:
        await consume(
            stop,
            self._context,
            self._adapters[source],
            instance=f"consumer-{source}",
            queue=self._backends.queue,
            settings=ConsumerSettings(),
            ingest=IngestSettings(),
        )

    async def feed(self, stop: asyncio.Event) -> None:
        await stream(
            stop,
            self._context,
            self._adapters[Source.BINANCE],
            instance="stream-binance",
            instruments=self._reader,
            settings=StreamSettings(refresh_s=0.1),
            ingest=IngestSettings(),
        )


@asynccontextmanager
async def simulated() -> AsyncIterator[dict[Source, SourceAdapter]]:
    async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as at:
        yield {
            Source.BINANCE: binance(
                BinanceSettings(ws_api_url=at.binance_ws_api_url, stream_urls=(at.binance_stream_url,))
            ),
            Source.COINGECKO: coingecko(CoinGeckoSettings(url=at.coingecko_url)),
        }


async def seen(backends: Backends, source: Source, *symbols: str) -> None:
    """Wait until the cache has these symbols of a source."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            snapshot = await backends.feed.read_snapshot(source)
            if {str(ticker.symbol) for ticker in snapshot.tickers} >= set(symbols):
                return
            await asyncio.sleep(0.05)


async def test_rates_of_both_sources_reach_the_cache(backends: Backends) -> None:
    """Producers, consumers and push feed together: fresh, labelled as simulated, stoppable."""
    stop, reader = asyncio.Event(), FakeReader([*BINANCE_PAIRS, *COINS])
    async with AsyncExitStack() as stack:
        adapters = await stack.enter_async_context(simulated())
        pipeline = Pipeline(backends, reader, adapters)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            for process in (
                pipeline.producer(stop),
                pipeline.producer(stop),
                pipeline.consumer(Source.BINANCE, stop),
                pipeline.consumer(Source.BINANCE, stop),
                pipeline.consumer(Source.COINGECKO, stop),
                pipeline.feed(stop),
            ):
                group.create_task(process)
            await seen(backends, Source.BINANCE, *(str(one.symbol) for one in BINANCE_PAIRS))
            await seen(backends, Source.COINGECKO, *(str(one.symbol) for one in COINS))
            reader.instruments.append(instrument("ADA/USDT"))
            await seen(backends, Source.BINANCE, "ADA/USDT")
            for source in adapters:
                snapshot = await backends.feed.read_snapshot(source)
                assert all(ticker.simulated for ticker in snapshot.tickers)
                assert {report.state for report in snapshot.reports} == {LinkState.UP}
            stop.set()


async def test_the_push_feed_alone_moves_prices_between_polls(backends: Backends) -> None:
    """Sequence numbers of the cache rise several times within a second."""
    stop = asyncio.Event()
    async with simulated() as adapters:
        pipeline = Pipeline(backends, FakeReader(BINANCE_PAIRS), adapters)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(pipeline.feed(stop))
            await seen(backends, Source.BINANCE, "BTC/USDT", "ETH/USDT")
            before = await backends.feed.read_snapshot(Source.BINANCE)
            since = utc_now()

            async def has_moved() -> bool:
                return (await backends.feed.read_snapshot(Source.BINANCE)).seq >= before.seq + 5

            await eventually(has_moved)
            assert utc_now() - since < timedelta(seconds=5)
            stop.set()


async def test_tasks_do_not_pile_up_without_consumers(backends: Backends) -> None:
    """The queue never holds more than one interval's tasks."""
    stop, counts = asyncio.Event(), set()
    async with simulated() as adapters:
        pipeline = Pipeline(backends, FakeReader(BINANCE_PAIRS), adapters)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(pipeline.producer(stop))
            began = utc_now()
            while utc_now() - began < timedelta(seconds=3.5):
                counts.add(await _count_ready(backends.queue))
                await asyncio.sleep(0.05)
            stop.set()
    assert counts <= {0, 1}


async def test_a_source_that_only_pushes_has_no_tasks_and_no_consumers() -> None:
    """The producer skips it, and a consumer's error names the command to run instead."""
    pushing = SourceAdapter(source=Source.BINANCE, build_feed=lambda *, simulated: pytest.fail("built"))
    assert polled({Source.BINANCE: pushing}) == {}
    with pytest.raises(InvalidSetting, match="ratewire stream binance"):
        await Pipeline(MemoryBackends(), FakeReader([]), {Source.BINANCE: pushing}).consumer(
            Source.BINANCE, asyncio.Event()
        )


async def _count_ready(queue: TaskQueue) -> int:
    if isinstance(queue, MemoryTaskQueue):
        return queue.count_ready(Source.BINANCE)
    assert isinstance(queue, RabbitTaskQueue)
    async with await aio_pika.connect(queue._url) as connection, connection.channel() as channel:
        declared = await channel.declare_queue(queue_name(Source.BINANCE), passive=True)
        return declared.declaration_result.message_count or 0


class BrokenSink(MemoryCache):
    """A cache whose first calls fail in a way that no code expects."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = [KeyError("write"), TypeError("again")]
        self.report_failures: list[Exception] = [AttributeError("report")]
        self.reasons: list[str] = []

    async def write(self, tickers: Sequence[Ticker]) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return await super().write(tickers)

    async def report(self, report: SourceReport) -> None:
        if self.report_failures:
            raise self.report_failures.pop(0)
        self.reasons.append(report.reason or "")
        await super().report(report)


async def test_unforeseen_exceptions_end_no_role() -> None:
    """Each costs one attempt, is counted, and shows in the report."""
    backends = MemoryBackends()
    sink = backends.sink = backends.feed = BrokenSink()
    stop = asyncio.Event()
    async with simulated() as adapters, asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        pipeline = Pipeline(backends, FakeReader(BINANCE_PAIRS), adapters)
        group.create_task(pipeline.feed(stop))
        await seen(backends, Source.BINANCE, "BTC/USDT")
        await eventually(lambda: _has(sink, "3 unexpected errors"))
        stop.set()
    assert not sink.failures


async def _has(sink: BrokenSink, text: str) -> bool:
    return any(text in reason for reason in sink.reasons)
