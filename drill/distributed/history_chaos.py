"""The chaos of the history: its processes and servers are killed while trades are made.

Every trade that is missing afterwards lies in a recorded gap, by the simulator's own log.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from drill.distributed.backends import start_postgres, start_redis
from drill.distributed.lost_trades import LossCounts
from drill.distributed.ratewire_process import RatewireProcess
from drill.distributed.server_process import NotStarted, ServerProcess
from drill.distributed.system import POSTGRES, REDIS, in_thread, list_addresses, migrate_database
from drill.distributed.trade_log import TradeLoggingWorld, busy_assets
from history.interval import TimeSpan
from history.store import HistoryStore
from instruments.instrument import Instrument
from instruments.store import InstrumentStore
from rates.clock import utc_now
from rates.source import Source
from simulator.nanotime import now_ns
from simulator.server import run_simulator
from simulator.settings import SimulatorSettings

BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "LTC", "AVAX", "SUI")
TRADES_PER_SECOND = 20.0
SOURCE = Source.BINANCE
FEED, RECORDER = "stream-binance", "recorder"
# A process needs some seconds to start, on a busy machine more.
STORED_WITHIN_S = 120.0
# All that was made until then is stored or known to be missing before the next fault.
CALM_S = 4.0
POLL_S = 0.5


@dataclass(frozen=True)
class HistoryFault:
    """A part that is killed (SIGKILL) and started again after `away_s`.

    `loses`: whether trades may be missing then.
    """

    name: str
    victim: str
    away_s: float
    loses: bool


def list_faults(postgres_away_s: float) -> Sequence[HistoryFault]:
    """Return all faults, in their order."""
    return (
        HistoryFault("recorder-kill", RECORDER, 3.0, loses=False),
        HistoryFault("postgres-kill", POSTGRES, postgres_away_s, loses=False),
        # Its log is in memory alone.
        HistoryFault("redis-kill", REDIS, 3.0, loses=True),
        HistoryFault("feed-kill", FEED, 3.0, loses=True),
    )


@dataclass
class LostTradesReport:
    """The trades that were made or are missing, and the number of missing ones by fault."""

    counts: LossCounts
    lost_by_fault: Mapping[str, int]
    whole_s: float
    misses: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print it."""
        for name, lost in self.lost_by_fault.items():
            console.print(f"{name}: {lost} trades missing, in gaps", highlight=False)
        for miss in self.misses:
            console.print(f"MISS {miss}", style="red", markup=False)
        console.print(
            f"{self.counts.made} trades made in {self.whole_s:.0f} s, {len(self.counts.lost)} missing, of which "
            f"{self.counts.late} were published too late to be known of, "
            f"{len(self.misses)} misses",
            highlight=False,
        )


@dataclass(frozen=True)
class HistorySystem:
    """The running parts, by name, and the log of the simulator."""

    servers: Mapping[str, ServerProcess]
    processes: Mapping[str, RatewireProcess]
    world: TradeLoggingWorld
    instruments: Sequence[Instrument]
    store: HistoryStore

    async def kill(self, name: str) -> None:
        """End a part at once, as a crash would."""
        if name in self.servers:
            await asyncio.to_thread(self.servers[name].kill)
        else:
            await self.processes[name].kill()

    async def start(self, name: str) -> None:
        """Start a part that was killed."""
        if name in self.servers:
            await asyncio.to_thread(self.servers[name].start)
        else:
            await self.processes[name].start()

    async def wait_until_stored(self, since: datetime) -> None:
        """Wait until trades after a time are stored, with all before them.

        Raises:
            NotStarted: they are not within `STORED_WITHIN_S`.
        """
        deadline = time.monotonic() + STORED_WITHIN_S
        while not await self._is_stored(since):
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"--- {name}\n{each.read_log()[-2000:]}" for name, each in self.processes.items()
                )
                raise NotStarted(f"nothing is stored {STORED_WITHIN_S:g} s after {since:%H:%M:%S}\n{logs}")
            await asyncio.sleep(POLL_S)

    async def _is_stored(self, since: datetime) -> bool:
        for one in self.instruments:
            spans = await self.store.read_spans(one.source, one.symbol)
            if not spans or spans[-1].end <= since:
                return False
        return True


@asynccontextmanager
async def run_history_system(folder: Path) -> AsyncIterator[HistorySystem]:
    """Run Redis, Postgres, a feed and a recorder until the block ends.

    The simulator runs in this process.

    Raises:
        NotStarted: a server is not installed, or does not start.
    """
    async with AsyncExitStack() as stack:
        servers = {
            REDIS: await stack.enter_async_context(in_thread(start_redis())),
            POSTGRES: await stack.enter_async_context(in_thread(start_postgres())),
        }
        # Filled minutes would hide what was lost.
        env = {**list_addresses(servers), "RATEWIRE_HISTORY_BACKFILL": "false"}
        settings = SimulatorSettings(
            http_port=int(env["RATEWIRE_SIMULATOR_HTTP_PORT"]), ws_port=int(env["RATEWIRE_SIMULATOR_WS_PORT"])
        )
        world = TradeLoggingWorld(settings.seed, now_ns(), assets=busy_assets(BASES, TRADES_PER_SECOND))
        await stack.enter_async_context(run_simulator(settings, world=world))
        await migrate_database(env, folder)
        database = InstrumentStore(env["RATEWIRE_DATABASE_URL"], simulated=True)
        stack.push_async_callback(database.close)
        instruments = await _track_few(database)
        processes = {
            FEED: RatewireProcess(FEED, ("stream", SOURCE.value), env, folder),
            RECORDER: RatewireProcess(RECORDER, ("recorder",), env, folder),
        }
        for process in processes.values():
            stack.push_async_callback(process.stop)
            await process.start()
        yield HistorySystem(servers, processes, world, instruments, HistoryStore(database, simulated=True))


async def run_history_chaos(faults: Sequence[HistoryFault], console: Console) -> LostTradesReport:
    """Make these faults happen in turn, and compare what is stored with the simulator's log.

    Raises:
        NotStarted: a server is not installed, or nothing is stored any more.
    """
    # The simulator sends to a feed that was killed.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="ratewire-history-") as folder:
        async with run_history_system(Path(folder)) as system:
            await system.wait_until_stored(utc_now())
            began, times = utc_now(), dict[str, TimeSpan]()
            for fault in faults:
                await asyncio.sleep(CALM_S)
                killed_at = utc_now()
                await system.kill(fault.victim)
                await asyncio.sleep(fault.away_s)
                await system.start(fault.victim)
                await system.wait_until_stored(utc_now())
                times[fault.name] = TimeSpan(killed_at - timedelta(seconds=CALM_S), utc_now())
                console.print(
                    f"{fault.name}: stored again after {_seconds(killed_at):.1f} s", highlight=False
                )
            end = utc_now()
            await system.wait_until_stored(end)
            counts = await _judge(system, TimeSpan(began, end))
    lost = {name: counts.lost_between(span) for name, span in times.items()}
    misses = list(counts.misses)
    misses += [
        f"{fault.name}: {lost[fault.name]} trades are missing, nothing may be lost"
        for fault in faults
        if lost[fault.name] and not fault.loses
    ]
    report = LostTradesReport(counts, lost, (end - began).total_seconds(), misses)
    report.show(console)
    return report


async def _judge(system: HistorySystem, window: TimeSpan) -> LossCounts:
    counts = LossCounts()
    start, end = (at.replace(microsecond=0) + timedelta(seconds=1) for at in window)
    for one in system.instruments:
        trades = [
            trade for trade in system.world.trades.get(one.source_symbol, ()) if start <= trade.time < end
        ]
        seconds = await system.store.read_seconds(one.source, one.symbol, TimeSpan(start, end))
        spans = await system.store.read_spans(one.source, one.symbol)
        counts.judge(str(one.symbol), trades, {each.open_time: each.bar for each in seconds}, spans)
    return counts


async def _track_few(database: InstrumentStore) -> Sequence[Instrument]:
    for one in await database.read():
        if one.source is not SOURCE or one.symbol.base not in BASES:
            await database.remove(one.source, one.symbol)
    return await database.read()


def _seconds(since: datetime) -> float:
    return (utc_now() - since).total_seconds()
