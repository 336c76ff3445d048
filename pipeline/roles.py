"""Puts the parts of one process together. Knows ports and roles only, so the distributed and the embedded system share it."""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from cache.ports import TickerSink
from instruments.store import InstrumentReader
from pipeline.consumer import Consumer
from pipeline.coordination.local_cooldown import LocalCooldown
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.push_feed import PushFeed
from pipeline.health import SourceHealth
from pipeline.ingest import Ingest
from pipeline.ports import Cooldown, RequestBudget, TaskQueue, TickClaim
from pipeline.producer import Producer
from pipeline.reporter import report_forever
from pipeline.settings import ConsumerSettings, IngestSettings, ProducerSettings, StreamSettings
from pipeline.sources.adapter import OpenRateFetcher, SourceAdapter, SourceContext
from pipeline.watchlist import Watchlist
from pipeline.write_buffer import WriteBuffer
from rates.clock import Clock, utc_now
from rates.errors import InvalidSetting
from rates.health import STREAM_ROLE
from rates.source import Source
from runtime.heartbeat import Heartbeat

# For a tick that is being issued, or the last values of a push feed, when a process is asked to stop: plenty where the others
# are well. Where they are away, waiting longer would not help, and whoever runs the process would kill it.
LAST_WORDS_S = 2.0


def instance_name(role: str) -> str:
    """How this process is called in source reports."""
    return f"{role}-{socket.gethostname()}-{os.getpid()}"


def polled(sources: Mapping[Source, SourceAdapter]) -> dict[Source, SourceAdapter]:
    """Those that are asked, and so have tasks and a queue for them."""
    return {source: parts for source, parts in sources.items() if parts.open_fetcher is not None}


def rate_fetcher_of(parts: SourceAdapter) -> OpenRateFetcher:
    """How a source is asked.

    Raises:
        InvalidSetting: it only pushes.
    """
    if parts.open_fetcher is None:
        expected = f"expected a source that is asked; this one pushes: ratewire stream {parts.source}"
        raise InvalidSetting("source", parts.source, expected)
    return parts.open_fetcher


async def produce(
    stop: asyncio.Event,
    *,
    sources: Mapping[Source, SourceAdapter],
    settings: ProducerSettings,
    instruments: InstrumentReader,
    queue: TaskQueue,
    claim: TickClaim,
    heartbeat: Heartbeat,
    clock: Clock = utc_now,
) -> None:
    """Issue the tasks of all `sources` that are asked, until `stop`; those that only push need none.

    Raises:
        DatabaseUnavailable: the instruments cannot be read even once.
    """
    watchlist = Watchlist(instruments, refresh=timedelta(seconds=settings.refresh_s))
    await watchlist.read()
    async with asyncio.TaskGroup() as group:
        follower = group.create_task(watchlist.follow(), name="watchlist")
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as schedules:
                for source, parts in polled(sources).items():
                    producer = Producer(
                        source,
                        interval=settings.interval(source),
                        shard_size=parts.shard_size,
                        watchlist=watchlist,
                        claim=claim,
                        queue=queue,
                        heartbeat=heartbeat,
                        clock=clock,
                    )
                    schedules.create_task(producer.run(stop), name=f"producer {source}")
                await stop.wait()
                patience.reschedule(asyncio.get_running_loop().time() + LAST_WORDS_S)
        follower.cancel()


async def consume(
    stop: asyncio.Event,
    *,
    parts: SourceAdapter,
    settings: ConsumerSettings,
    ingest: IngestSettings,
    queue: TaskQueue,
    sink: TickerSink,
    budget: RequestBudget | None,
    simulated: bool,
    instance: str,
    heartbeat: Heartbeat,
    cooldown: Cooldown | None = None,
    clock: Clock = utc_now,
) -> None:
    """Work on one source's tasks until `stop`, as one of any number of replicas. `budget`: where the source has limits.
    `hold` is shared by the replicas: what one of them was refused, none of them tries.

    Raises:
        InvalidSetting: queue or source cannot be used as configured, or the source only pushes.
    """
    open_fetcher = rate_fetcher_of(parts)
    health = SourceHealth(parts.source, role="consumer", instance=instance)
    context = SourceContext(
        health=health,
        simulated=simulated,
        clock=clock,
        budget=budget,
        cooldown=LocalCooldown(cooldown or MemoryCooldown(clock), clock),
    )
    async with open_fetcher(context) as fetcher, asyncio.TaskGroup() as group:
        reporter = group.create_task(
            report_forever(health, sink, clock=clock, heartbeat=heartbeat), name="reporter"
        )
        consumer = Consumer(
            queue,
            fetcher,
            Ingest(sink, health, max_skew=timedelta(seconds=ingest.max_skew_s), clock=clock),
            health,
            fetch_timeout=timedelta(seconds=settings.fetch_timeout_s),
            grace=timedelta(seconds=settings.grace_s),
            clock=clock,
        )
        await consumer.run(stop)
        reporter.cancel()


async def stream(
    stop: asyncio.Event,
    *,
    parts: SourceAdapter,
    settings: StreamSettings,
    ingest: IngestSettings,
    instruments: InstrumentReader,
    sink: TickerSink,
    simulated: bool,
    instance: str,
    heartbeat: Heartbeat,
    cooldown: Cooldown | None = None,
    clock: Clock = utc_now,
) -> None:
    """Write one source's push feed down until `stop`; any number of replicas may do the same, and share `hold`.

    Raises:
        InvalidSetting: the source has no push feed.
        DatabaseUnavailable: the instruments cannot be read even once.
    """
    if parts.build_feed is None:
        expected = f"expected a source with a push feed; this one is asked: ratewire consumer {parts.source}"
        raise InvalidSetting("source", parts.source, expected)
    watchlist = Watchlist(instruments, refresh=timedelta(seconds=settings.refresh_s))
    await watchlist.read()
    health = SourceHealth(parts.source, role=STREAM_ROLE, instance=instance)
    admission = Ingest(sink, health, max_skew=timedelta(seconds=ingest.max_skew_s), clock=clock)
    buffer = WriteBuffer(sink, interval=timedelta(milliseconds=settings.flush_interval_ms))
    feed = PushFeed(
        parts.build_feed(SourceContext(health=health, simulated=simulated, clock=clock)),
        lambda: watchlist.of(parts.source),
        lambda tickers: buffer.put(admission.admit(tickers)),
        health,
        LocalCooldown(cooldown or MemoryCooldown(clock), clock),
        silent_after_s=settings.silent_after_s,
        endpoint_rest_s=settings.endpoint_rest_s,
        simulated=simulated,
        clock=clock,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(watchlist.follow(), name="watchlist"),
            group.create_task(report_forever(health, sink, clock=clock, heartbeat=heartbeat)),
            group.create_task(feed.run(), name="feed"),
            group.create_task(buffer.flush_forever(), name="flush"),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_S):
            await buffer.flush()
