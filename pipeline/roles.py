"""The roles of a pipeline process: producer, consumer, push feed, listings.

The distributed and the embedded system share them.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial

from history.sampling import is_sampled
from instruments.listings import ListingRecords
from instruments.store import InstrumentReader, InstrumentStore
from pipeline.consumer import Consumer
from pipeline.coordination.local_cooldown import LocalCooldown
from pipeline.feeds.push_feed import PushFeed
from pipeline.health import SourceHealth
from pipeline.history_roles import build_bar_writer
from pipeline.listings.listing_sync import ListingSync
from pipeline.ports import TaskQueue
from pipeline.producer import Producer
from pipeline.role_context import SHUTDOWN_TIMEOUT_S, RoleContext, start_task
from pipeline.settings import ConsumerSettings, IngestSettings, ProducerSettings, StreamSettings
from pipeline.sources.adapter import OpenRateFetcher, SourceAdapter
from pipeline.watchlist import Watchlist
from pipeline.write_buffer import WriteBuffer
from rates.errors import InvalidSetting
from rates.health import LISTINGS_ROLE, PRODUCER_ROLE, STREAM_ROLE
from rates.source import Source
from runtime.heartbeat import Heartbeat


def polled(adapters: Mapping[Source, SourceAdapter]) -> dict[Source, SourceAdapter]:
    """Return the sources that are polled, and so have a task queue."""
    return {source: adapter for source, adapter in adapters.items() if adapter.open_fetcher is not None}


def recorded(adapters: Mapping[Source, SourceAdapter]) -> list[Source]:
    """Return the sources with bars: of their trades, or of samples of their prices."""
    return [
        source for source, adapter in adapters.items() if adapter.build_feed is not None or is_sampled(source)
    ]


def require_fetcher(adapter: SourceAdapter) -> OpenRateFetcher:
    """Return how to open a source's fetcher.

    Raises:
        InvalidSetting: the source has a push feed only.
    """
    if adapter.open_fetcher is None:
        expected = (
            f"expected a source that is polled; this one has a push feed: ratewire stream {adapter.source}"
        )
        raise InvalidSetting("source", adapter.source, expected)
    return adapter.open_fetcher


async def produce(
    stop: asyncio.Event,
    context: RoleContext,
    adapters: Mapping[Source, SourceAdapter],
    *,
    instance: str,
    queue: TaskQueue,
    instruments: InstrumentReader,
    settings: ProducerSettings,
) -> None:
    """Issue the tasks of all polled sources until `stop`.

    Its reports say how far its clock is off.

    Raises:
        DatabaseUnavailable: the instruments cannot be read even once.
    """
    watchlist = Watchlist(instruments, refresh=timedelta(seconds=settings.refresh_s))
    await watchlist.read()
    claim = context.coordination.tick_claim("tick")
    async with asyncio.TaskGroup() as group:
        helpers = [start_task(group, "watchlist", watchlist.refresh_forever)]
        outcomes: dict[Source, Callable[[str | None], None]] = {}
        for source in polled(adapters):
            health = SourceHealth(source, role=PRODUCER_ROLE, instance=instance)
            health.record_success()
            # Only an issued tick renews the heartbeat.
            report = partial(context.report, health, heartbeat=Heartbeat(None))
            helpers.append(start_task(group, f"reporter {source}", report, health))
            outcomes[source] = partial(health.set_notice, "ticks")
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as shutdown, asyncio.TaskGroup() as schedules:
                for source, adapter in polled(adapters).items():
                    producer = Producer(
                        source,
                        interval=settings.interval(source),
                        shard_size=adapter.shard_size,
                        watchlist=watchlist,
                        claim=claim,
                        queue=queue,
                        heartbeat=context.heartbeat,
                        on_outcome=outcomes[source],
                    )
                    start_task(schedules, f"producer {source}", partial(producer.run, stop))
                await stop.wait()
                shutdown.reschedule(asyncio.get_running_loop().time() + SHUTDOWN_TIMEOUT_S)
        for helper in helpers:
            helper.cancel()


async def consume(
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    *,
    instance: str,
    queue: TaskQueue,
    settings: ConsumerSettings,
    ingest: IngestSettings,
) -> None:
    """Work on the tasks of one source until `stop`, as one of any number of replicas.

    Raises:
        InvalidSetting: the queue or the source is misconfigured, or the source has a push feed only.
    """
    open_fetcher = require_fetcher(adapter)
    health = SourceHealth(adapter.source, role="consumer", instance=instance)
    async with (
        open_fetcher(context.source_context(adapter, health)) as fetcher,
        asyncio.TaskGroup() as group,
    ):
        reporter = start_task(group, "reporter", partial(context.report, health), health)
        consumer = Consumer(
            queue,
            fetcher,
            context.ingest(health, ingest),
            health,
            fetch_timeout=timedelta(seconds=settings.fetch_timeout_s),
            grace=timedelta(seconds=settings.grace_s),
            clock=context.shared_clock or context.clock,
            clock_state=context.process_clock.state,
        )
        await consumer.run(stop)
        reporter.cancel()


async def stream(
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    *,
    instance: str,
    instruments: InstrumentReader,
    settings: StreamSettings,
    ingest: IngestSettings,
) -> None:
    """Write the push feed of one source to the cache until `stop`, as one of many replicas.

    Raises:
        InvalidSetting: the source has no push feed.
        DatabaseUnavailable: the instruments cannot be read even once.
    """
    if adapter.build_feed is None:
        expected = (
            f"expected a source with a push feed; this one is polled: ratewire consumer {adapter.source}"
        )
        raise InvalidSetting("source", adapter.source, expected)
    watchlist = Watchlist(instruments, refresh=timedelta(seconds=settings.refresh_s))
    await watchlist.read()
    health = SourceHealth(adapter.source, role=STREAM_ROLE, instance=instance)
    validated = context.ingest(health, ingest)

    def deliver() -> None:
        # All messages since the last time are read at once, and all trades of a symbol make one ticker.
        feed.deliver()

    buffer = WriteBuffer(
        context.sink,
        interval=timedelta(milliseconds=settings.flush_interval_ms),
        on_written=partial(health.record_cache_error, "write"),
        before_flush=deliver,
        clock=context.clock,
    )
    bars = build_bar_writer(context, health, watchlist, instance, ingest, before_take=deliver)
    if bars is not None:
        await bars.start()
    feed = PushFeed(
        adapter.build_feed(simulated=context.simulated),
        lambda: watchlist.instruments(adapter.source),
        lambda tickers: buffer.put(validated.validate(tickers)),
        health,
        LocalCooldown(context.coordination.feed_cooldown(adapter.source), context.clock),
        silent_after_s=settings.silent_after_s,
        endpoint_rest_s=settings.endpoint_rest_s,
        simulated=context.simulated,
        clock=context.clock,
        trades=None if bars is None else bars.fold,
        on_waiting=buffer.wake,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            start_task(group, "watchlist", watchlist.refresh_forever, health),
            start_task(group, "reporter", partial(context.report, health), health),
            start_task(group, "feed", feed.run, health),
            start_task(group, "flush", buffer.flush_forever, health),
        ]
        if bars is not None:
            tasks.append(start_task(group, "bars", bars.run, health))
        await stop.wait()
        for task in tasks:
            task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
            await buffer.flush()
            if bars is not None:
                await bars.finish()


async def sync_listing(
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    *,
    instance: str,
    instruments: InstrumentStore,
    interval: timedelta,
) -> None:
    """Keep the tracked instruments of one source in line with its listing until `stop`.

    Returns at once if it has none.

    Raises:
    InvalidSetting: the source is misconfigured.
    """
    if adapter.open_listing is None:
        return
    health = SourceHealth(adapter.source, role=LISTINGS_ROLE, instance=instance)
    async with (
        adapter.open_listing(context.source_context(adapter, health)) as fetcher,
        asyncio.TaskGroup() as group,
    ):
        sync = ListingSync(
            fetcher,
            instruments,
            ListingRecords(instruments),
            context.coordination.tick_claim("listing"),
            health,
            interval=interval,
            clock=context.clock,
        )
        tasks = [
            start_task(group, "reporter", partial(context.report, health), health),
            start_task(group, "listing sync", sync.run, health),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
