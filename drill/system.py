"""One embedded system with its own simulator and subscribers.

Systems in one process share only settings.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from cache.ports import TickerFeed, TickerSink
from cache.redis_client import connect_redis
from cache.redis_feed import RedisTickerFeed
from cache.redis_sink import RedisTickerSink
from drill.environment import SYMBOLS, active_assets
from drill.health_monitor import HealthMonitor
from drill.plan import VICTIM
from drill.process_faults import black_holes, name_sources
from drill.published_prices import PublishedPrices
from drill.redis_pair import RedisPair
from drill.subscriber import DrillSubscriber
from gateway.listening_socket import bind
from gateway.settings import GatewaySettings
from instruments.store import InstrumentStore
from rates.redis_keys import RedisKeys
from runtime.settings import load_settings
from simulator.faults.client import FaultClient
from simulator.faults.symbol_names import symbol_names
from simulator.generated.world import GeneratedWorld
from simulator.nanotime import now_ns
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.app import start_system
from standalone.database import open_database
from standalone.pipeline import SourceSet
from standalone.simulated import simulated_sources

STARTED_WITHIN_S = 30.0


@dataclass(frozen=True)
class SystemUnderTest:
    """The drill's access to one system.

    `victims`: by source, our symbol of the one instrument that is disturbed alone. `world`: what the simulator makes, since
    `started_at` (Unix time).
    """

    subscriber: DrillSubscriber
    health: HealthMonitor
    faults: FaultClient
    victims: Mapping[str, str]
    instruments: InstrumentStore
    world: GeneratedWorld
    started_at: float
    redis: RedisPair | None = None


@asynccontextmanager
async def run_system(folder: Path, redis: RedisPair | None = None) -> AsyncIterator[SystemUnderTest]:
    """Run the whole system with its subscribers while the context is open.

    `redis`: the cache, instead of one in this process.
    """
    published, stop, started_at = PublishedPrices(), asyncio.Event(), time.time()
    settings = load_settings(SimulatorSettings, http_port=0, ws_port=0, host="127.0.0.1")
    world = GeneratedWorld(
        settings.seed,
        now_ns(),
        refresh_seconds=settings.coingecko_refresh_seconds,
        assets=active_assets(),
    )
    with closing(bind(load_settings(GatewaySettings))) as listener:
        async with (
            run_simulator(settings, world=world, price_observer=published) as addresses,
            open_database(folder, (), simulated=True) as instruments,
            _open_cache(redis) as cache,
            asyncio.TaskGroup() as group,
        ):
            await _track_drill_symbols(instruments)
            sources = SourceSet(simulated_sources(name_sources(addresses)), addresses.label)
            start_system(group, stop, sources, instruments, listener, cache=cache)
            try:
                subscriber = DrillSubscriber(
                    f"http://127.0.0.1:{listener.getsockname()[1]}", published, symbol_names(world)
                )
                with black_holes(addresses, subscriber.miss):
                    async with _observe(subscriber) as health:
                        faults = FaultClient(addresses.status_url.removesuffix("/simulator/status"))
                        yield SystemUnderTest(
                            subscriber,
                            health,
                            faults,
                            await _victims(instruments),
                            instruments,
                            world,
                            started_at,
                            redis,
                        )
            finally:
                stop.set()


@asynccontextmanager
async def _open_cache(redis: RedisPair | None) -> AsyncIterator[tuple[TickerSink, TickerFeed] | None]:
    if redis is None:
        yield None
        return
    async with aclosing(await connect_redis(redis.url)) as client:
        keys = RedisKeys(simulated=True)
        yield RedisTickerSink(client, keys), RedisTickerFeed(client, keys)


@asynccontextmanager
async def _observe(subscriber: DrillSubscriber) -> AsyncIterator[HealthMonitor]:
    health, begun = HealthMonitor(subscriber.url, subscriber.miss), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        async with asyncio.timeout(STARTED_WITHIN_S):
            await health.wait_until_ready()
            polling = tasks.create_task(health.run())
            subscribing = tasks.create_task(subscriber.stay_subscribed(begun))
            await begun.wait()
        yield health
        polling.cancel()
        subscribing.cancel()


async def _track_drill_symbols(instruments: InstrumentStore) -> None:
    """Track ten instruments per source: the drill tests faults, not load."""
    for one in await instruments.read():
        if one.symbol.base not in SYMBOLS:
            await instruments.remove(one.source, one.symbol)


async def _victims(instruments: InstrumentStore) -> Mapping[str, str]:
    return {str(one.source): str(one.symbol) for one in await instruments.read() if one.symbol.base == VICTIM}
