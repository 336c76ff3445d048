"""Composition root of `ratewire drill`: simulator, embedded system, subscribers, and a walk for each source."""

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import structlog
from rich.console import Console

from drill.health import HealthBook
from drill.ledger import PublishedPrices
from drill.plan import VICTIM, Step, steps_of
from drill.reader import Reader
from drill.report import Report
from drill.surroundings import SYMBOLS, environment, lively_assets
from drill.walk import Outcome, Walk
from gateway.server import bind
from gateway.settings import GatewaySettings
from instruments.store import InstrumentStore
from runtime.settings import load_settings
from simulator.faults.client import FaultClient
from simulator.faults.world import spelling
from simulator.generated.world import GeneratedWorld
from simulator.moments import now_ns
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings
from standalone.app import Market, start_parts
from standalone.database import open_database
from standalone.simulated import simulated_sources

STARTED_WITHIN_S = 30.0
LONGEST_S = 420.0


async def run_drill(*, only: Collection[str], faults: Collection[str], console: Console) -> Report:
    """Walk through all faults of all sources (or `only` some of either), and show what was found."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # cut answers are what we ask for
    with tempfile.TemporaryDirectory(prefix="ratewire-drill-") as folder:
        os.environ.update(environment(Path(folder)))
        report = await _drill(Path(folder), only, faults, console)
    report.show(console)
    return report


async def _drill(folder: Path, only: Collection[str], faults: Collection[str], console: Console) -> Report:
    published, stop, started = PublishedPrices(), asyncio.Event(), time.monotonic()
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
            reader = Reader(_url(listener.getsockname()), published, spelling(world))
            client = FaultClient(addresses.status_url.removesuffix("/simulator/status"))
            sources = [source.value for source in market.sources if not only or source.value in only]
            plans = [_chosen(steps_of(source), faults) for source in sources]
            try:
                async with asyncio.timeout(LONGEST_S):
                    outcomes = await _walk(
                        [plan for plan in plans if plan], reader, client, instruments, console
                    )
                clients = (await client.status())["clients"]
            finally:
                stop.set()
    others = [miss for miss in reader.misses if not any(miss in each.misses for each in outcomes)]
    chosen = {source: clients[source] for source in sources}
    return Report(outcomes, chosen, reader.judged, time.monotonic() - started, others)


async def _walk(
    plans: Sequence[Sequence[Step]],
    reader: Reader,
    client: FaultClient,
    instruments: InstrumentStore,
    console: Console,
) -> list[Outcome]:
    book, outcomes, begun = HealthBook(reader.url, reader.miss), list[Outcome](), asyncio.Event()
    victims = {
        str(one.source): str(one.symbol) for one in await instruments.read() if one.symbol.base == VICTIM
    }

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        verdict = "MISS" if outcome.misses else "ok"
        console.print(f"{verdict:4} {outcome.source} {outcome.step}", markup=False, highlight=False)

    walk = Walk(book, reader, client, victims.__getitem__, done)
    async with asyncio.TaskGroup() as watching:
        looking = watching.create_task(book.keep())
        staying = watching.create_task(reader.stay(begun))
        async with asyncio.timeout(STARTED_WITHIN_S):
            await begun.wait()
        async with asyncio.TaskGroup() as walks:
            for plan in plans:
                walks.create_task(walk.go(list(plan)), name=f"walk {plan[0].source}")
        looking.cancel()
        staying.cancel()
    return outcomes


async def _track_a_few(instruments: InstrumentStore) -> None:
    """Ten instruments a source: the drill is about faults, not about load."""
    for one in await instruments.read():
        if one.symbol.base not in SYMBOLS:
            await instruments.remove(one.source, one.symbol)


def _chosen(steps: Iterable[Step], faults: Collection[str]) -> list[Step]:
    return [step for step in steps if not faults or step.fault in faults]


def _url(address: tuple[str, int]) -> str:
    return f"http://127.0.0.1:{address[1]}"
