"""Composition roots of the distributed system: one process each, on Redis, RabbitMQ and Postgres."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import structlog

from cache.redis_client import RedisClient, connect_redis
from cache.redis_sink import RedisTickerSink
from instruments.listed import ListedInstrument
from instruments.store import InstrumentStore
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.coordination.redis_cooldown import RedisCooldown
from pipeline.coordination.redis_request_budget import RedisRequestBudget
from pipeline.coordination.redis_tick_claim import RedisTickClaim
from pipeline.health import SourceHealth
from pipeline.listings.fetch import fetch_listing
from pipeline.listings.process import sync_listing
from pipeline.ports import RequestBudget
from pipeline.queue.rabbitmq import RabbitTaskQueue
from pipeline.roles import consume, instance_name, polled, produce, rate_fetcher_of, stream
from pipeline.settings import (
    ConsumerSettings,
    IngestSettings,
    ListingSettings,
    ProducerSettings,
    StreamSettings,
)
from pipeline.sources.adapter import SourceContext
from pipeline.sources.registry import SOURCES
from rates.clock import utc_now
from rates.errors import CacheUnavailable, InvalidSetting
from rates.health import LISTINGS_ROLE
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.heartbeat import Heartbeat
from runtime.settings import (
    CacheSettings,
    DatabaseSettings,
    ProcessSettings,
    QueueSettings,
    load_settings,
)
from runtime.startup import wait_for_backend

T = TypeVar("T")
_log = structlog.get_logger("ratewire.process")


async def run_producer(stop: asyncio.Event) -> None:
    """Issue the tasks of all sources that are asked, until `stop`.

    Raises:
        InvalidSetting: the configuration cannot be used.
        BackendUnavailable: Redis, RabbitMQ or the database were not there in time.
    """
    settings, process = load_settings(ProducerSettings), load_settings(ProcessSettings)
    cache = load_settings(CacheSettings)
    sources = polled({source: build() for source, build in SOURCES.items()})
    async with (
        _redis(cache, stop) as redis,
        _queue(tuple(sources), stop) as queue,
        _instruments(stop, cache) as instruments,
    ):
        claim = RedisTickClaim(redis, RedisKeys(cache.simulated), holder=instance_name("producer"))
        _log.info("producing", sources=[source.value for source in sources])
        await produce(
            stop,
            sources=sources,
            settings=settings,
            instruments=instruments,
            queue=queue,
            claim=claim,
            heartbeat=Heartbeat(process.heartbeat_file),
        )


async def run_consumer(source: Source, stop: asyncio.Event) -> None:
    """Work on one source's tasks until `stop`.

    Raises:
        InvalidSetting: the configuration cannot be used, or the source only pushes.
        BackendUnavailable: Redis or RabbitMQ were not there in time.
    """
    settings, ingest = load_settings(ConsumerSettings), load_settings(IngestSettings)
    process, cache = load_settings(ProcessSettings), load_settings(CacheSettings)
    parts, names = SOURCES[source](), RedisKeys(cache.simulated)
    # Before anything is opened: a queue that nobody fills must not even be declared.
    rate_fetcher_of(parts)
    async with _redis(cache, stop) as redis, _queue((source,), stop) as queue:
        budget = (
            RedisRequestBudget(redis, names, source, parts.limits, clock=utc_now) if parts.limits else None
        )
        _log.info("consuming", source=source.value)
        await consume(
            stop,
            parts=parts,
            settings=settings,
            ingest=ingest,
            queue=queue,
            sink=RedisTickerSink(redis, names, stream_length=cache.stream_length),
            budget=budget,
            simulated=cache.simulated,
            instance=instance_name("consumer"),
            cooldown=RedisCooldown(redis, names.not_before(source)),
            heartbeat=Heartbeat(process.heartbeat_file),
        )


async def run_stream(source: Source, stop: asyncio.Event) -> None:
    """Write one source's push feed down until `stop`.

    Raises:
        InvalidSetting: the configuration cannot be used, or the source has no push feed.
        BackendUnavailable: Redis or the database were not there in time.
    """
    settings, ingest = load_settings(StreamSettings), load_settings(IngestSettings)
    process, cache = load_settings(ProcessSettings), load_settings(CacheSettings)
    parts, names = SOURCES[source](), RedisKeys(cache.simulated)
    async with _redis(cache, stop) as redis, _instruments(stop, cache) as instruments:
        _log.info("streaming", source=source.value)
        await stream(
            stop,
            parts=parts,
            settings=settings,
            ingest=ingest,
            instruments=instruments,
            sink=RedisTickerSink(redis, names, stream_length=cache.stream_length),
            simulated=cache.simulated,
            instance=instance_name("stream"),
            cooldown=RedisCooldown(redis, names.stream_not_before(source)),
            heartbeat=Heartbeat(process.heartbeat_file),
        )


async def run_listings(stop: asyncio.Event) -> None:
    """Have the tracked instruments follow the listings of all sources until `stop`.

    Raises:
        InvalidSetting: the configuration cannot be used.
        BackendUnavailable: Redis or the database were not there in time.
    """
    settings, process = load_settings(ListingSettings), load_settings(ProcessSettings)
    cache = load_settings(CacheSettings)
    names, instance = RedisKeys(cache.simulated), instance_name(LISTINGS_ROLE)
    async with (
        _redis(cache, stop) as redis,
        _instruments(stop, cache) as instruments,
        asyncio.TaskGroup() as group,
    ):
        claim = RedisTickClaim(redis, names, holder=instance, schedule="listing")
        for source, build in SOURCES.items():
            parts = build()
            budget = (
                RedisRequestBudget(redis, names, source, parts.limits, clock=utc_now)
                if parts.limits
                else None
            )
            group.create_task(
                sync_listing(
                    stop,
                    parts=parts,
                    interval=settings.interval(source),
                    instruments=instruments,
                    claim=claim,
                    sink=RedisTickerSink(redis, names, stream_length=cache.stream_length),
                    budget=budget,
                    cooldown=RedisCooldown(redis, names.not_before(source)),
                    instance=instance,
                    heartbeat=Heartbeat(process.heartbeat_file),
                ),
                name=f"listing {source}",
            )


async def ask_listing(source: Source) -> Sequence[ListedInstrument]:
    """What a source lists, asked once, by hand: within the shared budget where Redis can be reached.

    Raises:
        InvalidSetting: the configuration cannot be used, or the source cannot be asked what it lists.
        SourceError: the source did not deliver.
    """
    cache, parts = load_settings(CacheSettings), SOURCES[source]()
    if parts.open_listing is None:
        raise InvalidSetting("source", source, "expected a source that can be asked what it lists")
    names, health = RedisKeys(cache.simulated), SourceHealth(source, role="hand", instance="hand")
    async with _redis_if_reachable(cache) as redis:
        budget: RequestBudget | None = None
        if parts.limits:
            budget = (
                RedisRequestBudget(redis, names, source, parts.limits, clock=utc_now)
                if redis
                else MemoryRequestBudget(source, parts.limits, clock=utc_now)
            )
        cooldown = RedisCooldown(redis, names.not_before(source)) if redis else MemoryCooldown(utc_now)
        context = SourceContext(
            health=health, simulated=cache.simulated, clock=utc_now, budget=budget, cooldown=cooldown
        )
        async with parts.open_listing(context) as fetcher:
            return await fetch_listing(source, fetcher)


@asynccontextmanager
async def _redis_if_reachable(cache: CacheSettings) -> AsyncIterator[RedisClient | None]:
    try:
        redis = await connect_redis(cache.redis_url)
    except CacheUnavailable as exc:
        # The embedded system has no Redis; one manual call does not exceed any budget.
        _log.info("asking without the shared budget", reason=str(exc))
        yield None
        return
    async with aclosing(redis):
        yield redis


@asynccontextmanager
async def _redis(cache: CacheSettings, stop: asyncio.Event) -> AsyncIterator[RedisClient]:
    async with aclosing(await _connect(lambda: connect_redis(cache.redis_url), stop)) as redis:
        yield redis


@asynccontextmanager
async def _queue(sources: tuple[Source, ...], stop: asyncio.Event) -> AsyncIterator[RabbitTaskQueue]:
    queue = RabbitTaskQueue(load_settings(QueueSettings).amqp_url, sources, clock=utc_now)
    try:
        await _connect(queue.connect, stop)
        yield queue
    finally:
        await queue.close()


@asynccontextmanager
async def _instruments(stop: asyncio.Event, cache: CacheSettings) -> AsyncIterator[InstrumentStore]:
    store = InstrumentStore(load_settings(DatabaseSettings).database_url, simulated=cache.simulated)
    try:
        await _connect(store.check, stop)
        yield store
    finally:
        await store.close()


async def _connect(connect: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T:
    return await wait_for_backend(
        connect, timeout_s=load_settings(ProcessSettings).startup_timeout_s, stop=stop
    )
