"""Composition root of `ratewire up`: producer, consumers, push feed, gateway and simulator in one process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import structlog

from cache.memory import MemoryCache
from gateway.server import bind, serve_gateway
from gateway.settings import GatewaySettings
from instruments.store import InstrumentStore
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.coordination.memory_request_budget import MemoryRequestBudget
from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from pipeline.listings.process import sync_listing
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.roles import consume, produce, stream
from pipeline.settings import (
    ConsumerSettings,
    IngestSettings,
    ListingSettings,
    ProducerSettings,
    StreamSettings,
)
from pipeline.sources.adapter import SourceAdapter
from pipeline.sources.registry import SOURCES
from rates.clock import utc_now
from rates.errors import InvalidSetting
from rates.source import Source
from runtime.heartbeat import Heartbeat
from runtime.settings import CacheSettings, ProcessSettings, load_settings
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.announcement import announce
from standalone.database import open_database
from standalone.settings import StandaloneSettings
from standalone.simulated import simulated_sources

log = structlog.get_logger("ratewire.standalone")


@dataclass(frozen=True)
class SourceSet:
    """Where rates come from: `label` says what is simulated, `None` for the real exchanges."""

    sources: dict[Source, SourceAdapter]
    label: str | None


async def run_standalone(stop: asyncio.Event, *, live: bool, replay: Sequence[Path], speed: float) -> None:
    """The whole system until `stop`; with the real exchanges, a recording, or generated prices.

    Raises:
        InvalidSetting, PortInUse, InvalidRecording: a person must change something.
        DatabaseUnavailable: the database file cannot be used.
    """
    if live and replay:
        raise InvalidSetting("LIVE", "1", "expected either LIVE or REPLAY, not both")
    gateway = load_settings(GatewaySettings)
    with closing(bind(gateway)) as listener:
        async with (
            _market(live=live, replay=replay, speed=speed) as market,
            open_database(
                load_settings(StandaloneSettings).folder, replay, simulated=not live
            ) as instruments,
            asyncio.TaskGroup() as parts,
        ):
            # A recording lists what it holds, and that is tracked.
            start_parts(parts, stop, market, instruments, listener, with_listings=not replay)
            announce(listener, market.label)


def start_parts(
    parts: asyncio.TaskGroup,
    stop: asyncio.Event,
    market: SourceSet,
    instruments: InstrumentStore,
    listener: socket.socket,
    *,
    with_listings: bool = True,
) -> None:
    """Start all parts around one cache; they work until `stop`."""
    cache = MemoryCache(stream_length=load_settings(CacheSettings).stream_length)
    _start_pipeline(parts, stop, market, cache, instruments, with_listings=with_listings)
    gateway = load_settings(GatewaySettings)
    parts.create_task(
        serve_gateway(
            cache, instruments, gateway, stop, simulated=market.label is not None, listener=listener
        ),
        name="gateway",
    )


@asynccontextmanager
async def _market(*, live: bool, replay: Sequence[Path], speed: float) -> AsyncIterator[SourceSet]:
    if live:
        yield SourceSet({source: build() for source, build in SOURCES.items()}, None)
        return
    # Ports of its own: a simulator may be running beside.
    chosen = {"http_port": 0, "ws_port": 0, "host": "127.0.0.1"}
    if replay:
        chosen |= {"replay": [str(path) for path in replay], "speed": speed}
    async with run_simulator(load_settings(SimulatorSettings, **chosen)) as addresses:
        yield SourceSet(simulated_sources(addresses), addresses.label)


def _start_pipeline(
    parts: asyncio.TaskGroup,
    stop: asyncio.Event,
    market: SourceSet,
    cache: MemoryCache,
    instruments: InstrumentStore,
    *,
    with_listings: bool,
) -> None:
    heartbeat = Heartbeat(load_settings(ProcessSettings).heartbeat_file)
    ingest, simulated = load_settings(IngestSettings), market.label is not None
    queue = MemoryTaskQueue(utc_now)
    parts.create_task(
        produce(
            stop,
            sources=market.sources,
            settings=load_settings(ProducerSettings),
            instruments=instruments,
            queue=queue,
            claim=MemoryTickClaim(utc_now),
            heartbeat=heartbeat,
        ),
        name="producer",
    )
    listings, listing_claim = load_settings(ListingSettings), MemoryTickClaim(utc_now)
    replicas = {Source.BINANCE: load_settings(StandaloneSettings).consumers}
    for source, source_parts in market.sources.items():
        limits = source_parts.limits
        budget = None if limits is None else MemoryRequestBudget(source, limits, clock=utc_now)
        cooldown = MemoryCooldown(utc_now)
        for number in range(replicas.get(source, 1) if source_parts.open_fetcher else 0):
            parts.create_task(
                consume(
                    stop,
                    parts=source_parts,
                    settings=load_settings(ConsumerSettings),
                    ingest=ingest,
                    queue=queue,
                    sink=cache,
                    budget=budget,
                    simulated=simulated,
                    instance=f"consumer-{number}",
                    cooldown=cooldown,
                    heartbeat=heartbeat,
                ),
                name=f"consumer {source} {number}",
            )
        if with_listings:
            parts.create_task(
                sync_listing(
                    stop,
                    parts=source_parts,
                    interval=listings.interval(source),
                    instruments=instruments,
                    claim=listing_claim,
                    sink=cache,
                    budget=budget,
                    cooldown=cooldown,
                    instance="listings",
                    heartbeat=heartbeat,
                ),
                name=f"listing {source}",
            )
        if source_parts.build_feed is not None:
            parts.create_task(
                stream(
                    stop,
                    parts=source_parts,
                    settings=load_settings(StreamSettings),
                    ingest=ingest,
                    instruments=instruments,
                    sink=cache,
                    simulated=simulated,
                    instance="stream",
                    heartbeat=heartbeat,
                ),
                name=f"stream {source}",
            )
