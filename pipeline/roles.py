"""The roles of a pipeline process: producer, consumer, push feed, listings.

The distributed and the embedded system share them.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from cache.ports import TickerSink
from history.bar_writer import BarWriter
from history.ports import BarLog
from history.trade_fold import TradeFold
from instruments.last_known import SnapshotStorage
from instruments.listings import ListingRecords
from instruments.store import InstrumentReader, InstrumentStore
from pipeline.consumer import Consumer
from pipeline.coordination.local_cooldown import LocalCooldown
from pipeline.coordination.ports import Coordination
from pipeline.feeds.push_feed import PushFeed
from pipeline.health import SourceHealth
from pipeline.ingest import Ingest
from pipeline.listings.listing_sync import ListingSync
from pipeline.ports import TaskQueue
from pipeline.producer import Producer
from pipeline.reporter import report_forever
from pipeline.settings import ConsumerSettings, IngestSettings, ProducerSettings, StreamSettings
from pipeline.sources.adapter import OpenRateFetcher, SourceAdapter, SourceContext
from pipeline.watchlist import Watchlist
from pipeline.write_buffer import WriteBuffer
from rates.clock import Clock, utc_now
from rates.errors import InvalidSetting
from rates.health import LISTINGS_ROLE, PRODUCER_ROLE, STREAM_ROLE
from rates.source import Source
from runtime.clock.process_clock import ProcessClock
from runtime.heartbeat import Heartbeat
from runtime.restart import keep_running

# Time to finish a tick that is being issued, or to write the last values of a push feed, when the process is asked to stop. Enough
# while the backends work; without them, waiting longer would not help, and the process would be killed.
SHUTDOWN_TIMEOUT_S = 2.0


@dataclass(frozen=True, kw_only=True)
class RoleContext:
    """Dependencies that all roles of one process share.

    Ages are judged by `clock`, deadlines of tasks by `shared_clock`, that of Redis: the processes need not know the true time to
    agree on it. `snapshots` stores the last known instruments, where processes share a Redis.
    `bars`: log of the bars of push feeds; `None` records no history.
    """

    sink: TickerSink
    coordination: Coordination
    heartbeat: Heartbeat
    simulated: bool
    clock: Clock = utc_now
    snapshots: SnapshotStorage | None = None
    shared_clock: Clock | None = None
    process_clock: ProcessClock = field(default_factory=lambda: ProcessClock(None))
    bars: BarLog | None = None

    def source_context(self, adapter: SourceAdapter, health: SourceHealth) -> SourceContext:
        """Return the dependencies of one source's fetchers.

        All replicas share the budget and the cooldown.
        """
        shared = self.coordination
        return SourceContext(
            health=health,
            simulated=self.simulated,
            clock=self.clock,
            cooldown=LocalCooldown(shared.request_cooldown(adapter.source), self.clock),
            budget=None if adapter.limits is None else shared.request_budget(adapter.source, adapter.limits),
        )

    def ingest(self, health: SourceHealth, settings: IngestSettings) -> Ingest:
        """Return the validated way into the cache for one source."""
        max_skew = timedelta(seconds=settings.max_skew_s)
        return Ingest(
            self.sink, health, max_skew=max_skew, clock=self.clock, process_clock=self.process_clock
        )

    async def report(self, health: SourceHealth, heartbeat: Heartbeat | None = None) -> None:
        """Report the health of one source until cancelled."""
        await report_forever(
            health,
            self.sink,
            clock=self.clock,
            clock_state=self.process_clock.state,
            heartbeat=heartbeat or self.heartbeat,
        )


def _start(
    group: asyncio.TaskGroup,
    name: str,
    run: Callable[[], Awaitable[None]],
    health: SourceHealth | None = None,
) -> asyncio.Task[None]:
    """Start a long-lived task that no unforeseen exception ends. `health` counts them."""
    on_error = _ignore if health is None else health.record_unexpected
    return group.create_task(keep_running(run, name=name, on_error=on_error), name=name)


def _ignore(_error: Exception) -> None:
    """Count nowhere but in the log: no source is affected."""


def instance_name(role: str) -> str:
    """Return the name of this process in source reports."""
    return f"{role}-{socket.gethostname()}-{os.getpid()}"


def polled(adapters: Mapping[Source, SourceAdapter]) -> dict[Source, SourceAdapter]:
    """Return the sources that are polled, and so have a task queue."""
    return {source: adapter for source, adapter in adapters.items() if adapter.open_fetcher is not None}


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
        helpers = [_start(group, "watchlist", watchlist.refresh_forever)]
        outcomes: dict[Source, Callable[[str | None], None]] = {}
        for source in polled(adapters):
            health = SourceHealth(source, role=PRODUCER_ROLE, instance=instance)
            health.record_success()
            # Only an issued tick renews the heartbeat.
            report = partial(context.report, health, heartbeat=Heartbeat(None))
            helpers.append(_start(group, f"reporter {source}", report, health))
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
                    _start(schedules, f"producer {source}", partial(producer.run, stop))
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
        reporter = _start(group, "reporter", partial(context.report, health), health)
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
    buffer = WriteBuffer(
        context.sink,
        interval=timedelta(milliseconds=settings.flush_interval_ms),
        on_written=partial(health.record_cache_error, "write"),
    )
    bars = _bar_writer(context, adapter.source, watchlist, instance, ingest)
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
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            _start(group, "watchlist", watchlist.refresh_forever, health),
            _start(group, "reporter", partial(context.report, health), health),
            _start(group, "feed", feed.run, health),
            _start(group, "flush", buffer.flush_forever, health),
        ]
        if bars is not None:
            tasks.append(_start(group, "bars", bars.run, health))
        await stop.wait()
        for task in tasks:
            task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(SHUTDOWN_TIMEOUT_S):
            await buffer.flush()
            if bars is not None:
                await bars.finish()


def _bar_writer(
    context: RoleContext, source: Source, watchlist: Watchlist, instance: str, settings: IngestSettings
) -> BarWriter | None:
    """Return the writer of a feed's bars, if they are recorded."""
    if context.bars is None:
        return None
    fold = TradeFold(
        source,
        f"{instance}-{secrets.token_hex(4)}",
        max_skew=timedelta(seconds=settings.max_skew_s),
        halted=partial(watchlist.halted, source),
        simulated=context.simulated,
    )
    return BarWriter(
        fold,
        context.bars,
        tracked=lambda: {one.symbol for one in watchlist.instruments(source)},
        clock=context.clock,
    )


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
            _start(group, "reporter", partial(context.report, health), health),
            _start(group, "listing sync", sync.run, health),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
