"""One embedded system with a simulator of its own, and who reads from it. Systems in one process share nothing but settings."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from drill.health import HealthBook
from drill.ledger import PublishedPrices
from drill.plan import VICTIM
from drill.reader import Reader
from drill.surroundings import SYMBOLS, lively_assets
from gateway.server import bind
from gateway.settings import GatewaySettings
from instruments.store import InstrumentStore
from runtime.settings import load_settings
from simulator.faults.client import FaultClient
from simulator.faults.spelling import spelling
from simulator.generated.world import GeneratedWorld
from simulator.moments import now_ns
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.app import Market, start_parts
from standalone.database import open_database
from standalone.simulated import simulated_sources

STARTED_WITHIN_S = 30.0


@dataclass(frozen=True)
class System:
    """What the drill sees of it, and how it disturbs it. `victims`: by source, our name of the one symbol that suffers alone."""

    reader: Reader
    book: HealthBook
    faults: FaultClient
    victims: Mapping[str, str]


@asynccontextmanager
async def run_system(folder: Path) -> AsyncIterator[System]:
    """The whole system, with subscribers, while the context is open."""
    published, stop = PublishedPrices(), asyncio.Event()
    settings = load_settings(SimulatorSettings, http_port=0, ws_port=0, host="127.0.0.1")
    world = GeneratedWorld(
        settings.seed,
        now_ns(),
        refresh_seconds=settings.coingecko_refresh_seconds,
        assets=lively_assets(),
    )
    with closing(bind(load_settings(GatewaySettings))) as listener:
        async with (
            run_simulator(settings, world=world, ledger=published) as addresses,
            open_database(folder, (), simulated=True) as instruments,
            asyncio.TaskGroup() as parts,
        ):
            await _track_a_few(instruments)
            market = Market(simulated_sources(addresses), addresses.label)
            start_parts(parts, stop, market, instruments, listener)
            try:
                reader = Reader(f"http://127.0.0.1:{listener.getsockname()[1]}", published, spelling(world))
                async with _watching(reader) as book:
                    faults = FaultClient(addresses.status_url.removesuffix("/simulator/status"))
                    yield System(reader, book, faults, await _victims(instruments))
            finally:
                stop.set()


@asynccontextmanager
async def _watching(reader: Reader) -> AsyncIterator[HealthBook]:
    book, begun = HealthBook(reader.url, reader.miss), asyncio.Event()
    async with asyncio.TaskGroup() as watching:
        async with asyncio.timeout(STARTED_WITHIN_S):
            await book.begin()
            looking = watching.create_task(book.keep())
            staying = watching.create_task(reader.stay(begun))
            await begun.wait()
        yield book
        looking.cancel()
        staying.cancel()


async def _track_a_few(instruments: InstrumentStore) -> None:
    """Ten instruments a source: the drill is about faults, not about load."""
    for one in await instruments.read():
        if one.symbol.base not in SYMBOLS:
            await instruments.remove(one.source, one.symbol)


async def _victims(instruments: InstrumentStore) -> Mapping[str, str]:
    return {str(one.source): str(one.symbol) for one in await instruments.read() if one.symbol.base == VICTIM}
