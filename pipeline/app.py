"""Composition roots of the distributed system, one function per process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import structlog

from cache.memory import MemoryCache
from cache.redis_client import RedisClient, connect_redis
from cache.redis_feed import RedisTickerFeed
from cache.redis_instruments import RedisBytes
from cache.redis_sink import RedisTickerSink
from cache.redis_time import RedisTime
from history.redis_log import RedisBarLog
from history.redis_tape import RedisTradeTape
from history.store import HistoryStore
from instruments.last_known import LastKnownInstruments
from instruments.listed import InstrumentListing
from instruments.loss_guard import LossGuard
from instruments.store import InstrumentStore
from pipeline.coordination.memory_coordination import MemoryCoordination
from pipeline.coordination.redis_coordination import RedisCoordination
from pipeline.health import SourceHealth
from pipeline.history_roles import record, record_sources
from pipeline.listings.fetch import fetch_listing
from pipeline.queue.rabbitmq import RabbitTaskQueue
from pipeline.role_context import RoleContext, instance_name
from pipeline.roles import (
    consume,
    polled,
    produce,
    recorded,
    require_fetcher,
    stream,
    sync_listing,
)
from pipeline.settings import (
    ConsumerSettings,
    HistorySettings,
    IngestSettings,
    ListingSettings,
    ProducerSettings,
    StreamSettings,
)
from pipeline.sources.registry import build_adapter, build_all_adapters
from rates.clock import utc_now
from rates.errors import CacheUnavailable, InvalidSetting
from rates.health import LISTINGS_ROLE, PRODUCER_ROLE, RECORDER_ROLE
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.clock.process_clock import ProcessClock
from runtime.descriptors import DescriptorWatch
from runtime.garbage_collection import collecting_everything, tune_garbage_collector
from runtime.heartbeat import Heartbeat
from runtime.proxy import check_proxies
from runtime.restart import keep_running
from runtime.settings import (
    CacheSettings,
    DatabaseSettings,
    FreshnessSettings,
    ProcessSettings,
    QueueSettings,
    load_settings,
)
from runtime.startup import wait_for_backend

T = TypeVar("T")
_log = structlog.get_logger("ratewire.process")


async def run_producer(stop: asyncio.Event) -> None:
    """Run the producer: issue the tasks of all polled sources until `stop`.

    Raises:
        InvalidSetting: the configuration is invalid.
        BackendUnavailable: Redis, RabbitMQ or the instruments did not become available in time.
    """
    settings = load_settings(ProducerSettings)
    adapters = polled(build_all_adapters())
    async with (
        _open_context(stop) as context,
        _open_queue(tuple(adapters), stop, context) as queue,
        _open_last_known(stop, context) as instruments,
    ):
        _log.info("producing", sources=[source.value for source in adapters])
        await produce(
            stop,
            context,
            adapters,
            instance=instance_name(PRODUCER_ROLE),
            queue=queue,
            instruments=instruments,
            settings=settings,
        )


async def run_consumer(source: Source, stop: asyncio.Event) -> None:
    """Run a consumer: work on the tasks of one source until `stop`.

    Raises:
        InvalidSetting: the configuration is invalid, or the source has a push feed only.
        BackendUnavailable: Redis or RabbitMQ did not become available in time.
    """
    settings, ingest = load_settings(ConsumerSettings), load_settings(IngestSettings)
    adapter, instance = build_adapter(source), instance_name("consumer")
    # Checked first, because connecting declares the queue, which must not exist without a producer.
    require_fetcher(adapter)
    check_proxies(simulated=load_settings(CacheSettings).simulated)
    async with _open_context(stop) as context, _open_queue((source,), stop, context) as queue:
        _log.info("consuming", source=source.value)
        await consume(
            stop, context, adapter, instance=instance, queue=queue, settings=settings, ingest=ingest
        )


async def run_stream(source: Source, stop: asyncio.Event) -> None:
    """Run a push feed: write it to the cache until `stop`.

    Raises:
        InvalidSetting: the configuration is invalid, or the source has no push feed.
        BackendUnavailable: Redis or the instruments did not become available in time.
    """
    settings, ingest = load_settings(StreamSettings), load_settings(IngestSettings)
    adapter, instance = build_adapter(source), instance_name("stream")
    check_proxies(simulated=load_settings(CacheSettings).simulated)
    async with _open_context(stop) as context, _open_last_known(stop, context) as instruments:
        _log.info("streaming", source=source.value)
        tune_garbage_collector()
        with collecting_everything():
            await stream(
                stop,
                context,
                adapter,
                instance=instance,
                instruments=instruments,
                settings=settings,
                ingest=ingest,
            )


async def run_recorder(stop: asyncio.Event) -> None:
    """Run the recorder: store bars and states of all sources until `stop`.

    Raises:
        InvalidSetting: the configuration is invalid, or the history is switched off.
        BackendUnavailable: Redis or the database did not become available in time.
    """
    settings, adapters = load_settings(HistorySettings), build_all_adapters()
    if not settings.enabled:
        raise InvalidSetting("RATEWIRE_HISTORY_ENABLED", "false", "expected true where a recorder runs")
    instance = instance_name(RECORDER_ROLE)
    if settings.backfill:
        check_proxies(simulated=load_settings(CacheSettings).simulated)
    async with _open_context(stop) as context, _open_instruments(stop) as database:
        store = HistoryStore(database, simulated=context.simulated)
        async with asyncio.TaskGroup() as group:
            for source in recorded(adapters):
                recording = record(
                    stop,
                    context,
                    adapters[source],
                    instance=instance,
                    store=store,
                    instruments=database,
                    settings=settings,
                )
                group.create_task(recording, name=f"recorder {source}")
            sources = record_sources(
                stop,
                context,
                store=store,
                instruments=database,
                ttl=load_settings(FreshnessSettings).ttl,
                instance=instance,
            )
            group.create_task(sources, name="recorder of sources")


async def run_listings(stop: asyncio.Event) -> None:
    """Run the listings process: apply all sources' listings until `stop`.

    Raises:
        InvalidSetting: the configuration is invalid.
        BackendUnavailable: Redis or the database did not become available in time.
    """
    settings, adapters = load_settings(ListingSettings), build_all_adapters()
    instance = instance_name(LISTINGS_ROLE)
    check_proxies(simulated=load_settings(CacheSettings).simulated)
    async with (
        _open_context(stop) as context,
        _open_instruments(stop) as instruments,
        asyncio.TaskGroup() as group,
    ):
        for source, adapter in adapters.items():
            syncing = sync_listing(
                stop,
                context,
                adapter,
                instance=instance,
                instruments=instruments,
                interval=settings.interval(source),
            )
            group.create_task(syncing, name=f"listing {source}")


async def ask_listing(source: Source) -> InstrumentListing:
    """Fetch a source's listing once, for a command.

    Uses the shared budget if Redis can be reached.

    Raises:
    InvalidSetting: the configuration is invalid, or the source has no listing.
    SourceError: the source did not deliver.
    """
    cache, adapter = load_settings(CacheSettings), build_adapter(source)
    if adapter.open_listing is None:
        raise InvalidSetting("source", source, "expected a source that publishes a listing")
    async with _open_redis_if_reachable(cache) as redis:
        context = _memory_context(cache) if redis is None else _redis_context(redis, cache)
        health = SourceHealth(source, role="hand", instance="hand")
        async with adapter.open_listing(context.source_context(adapter, health)) as fetcher:
            return await fetch_listing(source, fetcher)


@asynccontextmanager
async def _open_redis_if_reachable(cache: CacheSettings) -> AsyncIterator[RedisClient | None]:
    try:
        redis = await connect_redis(cache.redis_url)
    except CacheUnavailable as exc:
        # The embedded system has no Redis; one manual call does not exceed any budget.
        _log.info("asking without the shared budget", reason=str(exc))
        yield None
        return
    async with aclosing(redis):
        yield redis


def _memory_context(cache: CacheSettings) -> RoleContext:
    return RoleContext(
        sink=MemoryCache(),
        coordination=MemoryCoordination(utc_now),
        heartbeat=Heartbeat(None),
        simulated=cache.simulated,
    )


def _redis_context(redis: RedisClient, cache: CacheSettings) -> RoleContext:
    keys, process = RedisKeys(cache.simulated), load_settings(ProcessSettings)
    history = load_settings(HistorySettings)
    process_clock = ProcessClock(RedisTime(redis, keys), max_skew=process.max_clock_skew)
    return RoleContext(
        sink=RedisTickerSink(redis, keys),
        coordination=RedisCoordination(redis, keys, clock=process_clock.corrected),
        heartbeat=Heartbeat(process.heartbeat_file, is_fit=lambda: process_clock.state.is_fit),
        simulated=cache.simulated,
        snapshots=RedisBytes(redis, keys.instruments()),
        clock=process_clock.corrected,
        shared_clock=process_clock.server,
        process_clock=process_clock,
        bars=RedisBarLog(redis, keys, length=history.log_batches) if history.enabled else None,
        tape=RedisTradeTape(redis, keys) if history.enabled else None,
        feed=RedisTickerFeed(redis, keys) if history.enabled else None,
    )


@asynccontextmanager
async def _open_context(stop: asyncio.Event) -> AsyncIterator[RoleContext]:
    """Open the dependencies of a process; watch its clock, measured first, and its descriptors."""
    cache = load_settings(CacheSettings)
    async with aclosing(await _wait(lambda: connect_redis(cache.redis_url), stop)) as redis:
        context = _redis_context(redis, cache)
        await context.process_clock.measure()
        watches: dict[str, Callable[[], Awaitable[None]]] = {
            "clock": context.process_clock.run,
            "descriptors": DescriptorWatch().run,
        }
        watching = [
            asyncio.create_task(keep_running(run, name=name, on_error=lambda _: None), name=name)
            for name, run in watches.items()
        ]
        try:
            yield context
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)


@asynccontextmanager
async def _open_queue(
    sources: tuple[Source, ...], stop: asyncio.Event, context: RoleContext
) -> AsyncIterator[RabbitTaskQueue]:
    url = load_settings(QueueSettings).amqp_url
    queue = RabbitTaskQueue(url, sources, clock=context.process_clock.server)
    try:
        await _wait(queue.connect, stop)
        yield queue
    finally:
        await queue.close()


@asynccontextmanager
async def _open_instruments(stop: asyncio.Event) -> AsyncIterator[InstrumentStore]:
    simulated = load_settings(CacheSettings).simulated
    store = InstrumentStore(load_settings(DatabaseSettings).database_url, simulated=simulated)
    try:
        await _wait(store.check, stop)
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _open_last_known(stop: asyncio.Event, context: RoleContext) -> AsyncIterator[LastKnownInstruments]:
    """Open the tracked instruments for reading: without the database, the last known ones."""
    assert context.snapshots is not None
    database = load_settings(DatabaseSettings)
    store = InstrumentStore(database.database_url, simulated=context.simulated)
    try:
        instruments = LastKnownInstruments(
            store,
            context.snapshots,
            simulated=context.simulated,
            clock=context.clock,
            guard=LossGuard(
                max_loss_percent=database.max_instrument_loss_percent, hold_s=database.instrument_hold_s
            ),
        )
        await _wait(instruments.read, stop)
        yield instruments
    finally:
        await store.close()


async def _wait(connect: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T:
    timeout_s = load_settings(ProcessSettings).startup_timeout_s
    return await wait_for_backend(connect, timeout_s=timeout_s, stop=stop)
