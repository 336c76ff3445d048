"""Starts the pipeline's roles for all sources as tasks of one process."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cache.ports import TickerFeed, TickerSink
from history.ports import BarLog
from history.store import HistoryStore
from history.trade_tape import TradeTape
from instruments.store import InstrumentReader, InstrumentStore
from pipeline.coordination.memory_coordination import MemoryCoordination
from pipeline.history_roles import record, record_sources
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.role_context import RoleContext
from pipeline.roles import consume, produce, recorded, stream, sync_listing
from pipeline.settings import (
    ConsumerSettings,
    HistorySettings,
    IngestSettings,
    ListingSettings,
    ProducerSettings,
    StreamSettings,
)
from pipeline.sources.adapter import SourceAdapter
from rates.source import Source
from runtime.clock.process_clock import ProcessClock
from runtime.heartbeat import Heartbeat
from runtime.proxy import check_proxies
from runtime.settings import FreshnessSettings, ProcessSettings, load_settings
from standalone.settings import StandaloneSettings

# Defaults of the history that suit a file and a core shared with everything else.
EMBEDDED: Mapping[str, float] = {"keep_seconds_days": 1 / 24, "keep_minutes_days": 30.0, "store_every_s": 2.0}


@dataclass(frozen=True)
class SourceSet:
    """The sources to run.

    `label` names the simulated data, and is `None` for the real exchanges.
    """

    adapters: dict[Source, SourceAdapter]
    label: str | None


def start_pipeline(
    group: asyncio.TaskGroup,
    stop: asyncio.Event,
    sources: SourceSet,
    sink: TickerSink,
    instruments: InstrumentStore,
    *,
    reader: InstrumentReader,
    process_clock: ProcessClock,
    with_listings: bool,
    bars: BarLog | None = None,
    tape: TradeTape | None = None,
    feed: TickerFeed | None = None,
) -> None:
    """Start the producer, and consumers, feeds, recorders and listings of all sources.

    They run in `group` until `stop`. `reader` says what producer and feeds track, `instruments` is where listings store halts and recorders
    bars. `bars`: the log of bars, if a history is recorded, `tape`: the last trades, `feed`: the cache, for the states of the sources.

    Raises:
    InvalidSetting: the configuration is invalid.
    """
    check_proxies(simulated=sources.label is not None)
    context = RoleContext(
        sink=sink,
        coordination=MemoryCoordination(process_clock.corrected),
        heartbeat=Heartbeat(
            load_settings(ProcessSettings).heartbeat_file, is_fit=lambda: process_clock.state.is_fit
        ),
        simulated=sources.label is not None,
        clock=process_clock.corrected,
        process_clock=process_clock,
        bars=bars,
        tape=tape,
        feed=feed,
    )
    queue, settings = MemoryTaskQueue(process_clock.corrected), load_settings(ProducerSettings)
    producing = produce(
        stop,
        context,
        sources.adapters,
        instance="producer",
        queue=queue,
        instruments=reader,
        settings=settings,
    )
    group.create_task(producing, name="producer")
    if bars is not None:
        adapters = [sources.adapters[source] for source in recorded(sources.adapters)]
        # A recording has no candles.
        _start_recorders(group, stop, context, adapters, instruments, backfill=with_listings)
    for adapter in sources.adapters.values():
        if adapter.open_fetcher is not None:
            _start_consumers(group, stop, context, adapter, queue)
        if adapter.build_feed is not None:
            _start_feed(group, stop, context, adapter, reader)
        if with_listings:
            _start_listing(group, stop, context, adapter, instruments)


def _start_consumers(
    group: asyncio.TaskGroup,
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    queue: MemoryTaskQueue,
) -> None:
    settings, ingest = load_settings(ConsumerSettings), load_settings(IngestSettings)
    replicas = load_settings(StandaloneSettings).consumers if adapter.source is Source.BINANCE else 1
    for number in range(replicas):
        consuming = consume(
            stop,
            context,
            adapter,
            instance=f"consumer-{number}",
            queue=queue,
            settings=settings,
            ingest=ingest,
        )
        group.create_task(consuming, name=f"consumer {adapter.source} {number}")


def _start_feed(
    group: asyncio.TaskGroup,
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    instruments: InstrumentReader,
) -> None:
    settings, ingest = load_settings(StreamSettings), load_settings(IngestSettings)
    streaming = stream(
        stop,
        context,
        adapter,
        instance="stream",
        instruments=instruments,
        settings=settings,
        ingest=ingest,
    )
    group.create_task(streaming, name=f"stream {adapter.source}")


def _start_recorders(
    group: asyncio.TaskGroup,
    stop: asyncio.Event,
    context: RoleContext,
    adapters: Sequence[SourceAdapter],
    database: InstrumentStore,
    *,
    backfill: bool,
) -> None:
    settings, store = embedded_history(), HistoryStore(database, simulated=context.simulated)
    if not backfill:
        settings = settings.model_copy(update={"backfill": False})
    for adapter in adapters:
        recording = record(
            stop,
            context,
            adapter,
            instance="recorder",
            store=store,
            instruments=database,
            settings=settings,
        )
        group.create_task(recording, name=f"recorder {adapter.source}")
    sources = record_sources(
        stop,
        context,
        store=store,
        instruments=database,
        ttl=load_settings(FreshnessSettings).ttl,
        instance="recorder",
    )
    group.create_task(sources, name="recorder of sources")


def embedded_history() -> HistorySettings:
    """Return the settings of the history, with defaults for one process on one machine."""
    settings = load_settings(HistorySettings)
    changes = {name: value for name, value in EMBEDDED.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=changes)


def _start_listing(
    group: asyncio.TaskGroup,
    stop: asyncio.Event,
    context: RoleContext,
    adapter: SourceAdapter,
    instruments: InstrumentStore,
) -> None:
    interval = load_settings(ListingSettings).interval(adapter.source)
    syncing = sync_listing(
        stop, context, adapter, instance="listings", instruments=instruments, interval=interval
    )
    group.create_task(syncing, name=f"listing {adapter.source}")
