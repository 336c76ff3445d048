"""`python -m bench.trade_ingest`: the processor time of recording every trade.

A push feed process reads 4,000 trades a second from a source on this machine, makes tickers of them, folds them into bars and writes
both to Redis; a recorder stores the bars in Postgres. Measured is the processor time of all threads of each, not the time that passes.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy import text

from bench.closing import read_waits
from bench.processes import cpu_s
from bench.rounds import show
from drill.distributed.backends import start_postgres, start_redis
from drill.distributed.ratewire_process import ROOT, RatewireProcess
from drill.distributed.system import POSTGRES, REDIS, in_thread, list_addresses, migrate_database
from instruments.instrument import Instrument
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol
from runtime.free_port import free_port

TARGET = 0.15
# Of the trades that were sent. The bars of the last seconds are on their way.
ENOUGH = 0.9
SYMBOLS = 100
START_TIMEOUT_S = 180.0
POLL_S = 1.0
# After the first stored trades: instruments are subscribed one after the other.
WARM_UP_S = 5.0


async def track(database_url: str) -> None:
    """Let Binance have the symbols of the source, and no others."""
    store = InstrumentStore(database_url)
    try:
        for one in await store.read(Source.BINANCE):
            await store.remove(one.source, one.symbol)
        symbols = (Symbol(f"C{number}", "USDT") for number in range(SYMBOLS))
        await store.add(Instrument(Source.BINANCE, one, f"{one.base}USDT", one.base) for one in symbols)
    finally:
        await store.close()


async def count_stored(database_url: str) -> int:
    """Return the trades in all stored seconds."""
    store = InstrumentStore(database_url)
    try:
        async with store.transaction() as connection:
            query = "SELECT coalesce(sum(trades), 0) FROM bar_seconds WHERE revision = 0"
            return int((await connection.execute(text(query))).scalar_one())
    finally:
        await store.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@asynccontextmanager
async def open_system(per_s: int, folder: Path) -> AsyncIterator[tuple[str, dict[str, int]]]:
    """Run the parts; yields the database's URL and the process IDs by name."""
    async with AsyncExitStack() as stack:
        backends = {
            REDIS: await stack.enter_async_context(in_thread(start_redis())),
            POSTGRES: await stack.enter_async_context(in_thread(start_postgres())),
        }
        port = free_port()
        env = list_addresses(backends) | {
            "RATEWIRE_SIMULATED": "false",
            "RATEWIRE_BINANCE_STREAM_URLS": f"ws://127.0.0.1:{port}",
            "RATEWIRE_HISTORY_BACKFILL": "false",
        }
        await migrate_database(env, folder)
        database_url = env["RATEWIRE_DATABASE_URL"]
        await track(database_url)
        source = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.trade_source", str(port), str(per_s), str(SYMBOLS)), cwd=ROOT
        )
        stack.push_async_callback(_stop, source)
        ids = {"source": source.pid}
        for name, command in (("recorder", ("recorder",)), ("feed", ("stream", Source.BINANCE.value))):
            process = RatewireProcess(name, command, env, folder)
            stack.push_async_callback(process.stop)
            await process.start()
            assert process.pid is not None
            ids[name] = process.pid
        yield database_url, ids


async def measure(per_s: int, seconds: float, folder: Path) -> bool:
    """Run the system for some seconds and show the figures; return whether the target is met."""
    async with open_system(per_s, folder) as (database_url, ids):
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                await asyncio.sleep(POLL_S)
                if await count_stored(database_url):
                    break
        await asyncio.sleep(WARM_UP_S)
        loop = asyncio.get_running_loop()
        begun, stored = loop.time(), await count_stored(database_url)
        used = {name: -cpu_s(pid) for name, pid in ids.items()}
        waited = {name: -read_waits(pid)[1] for name, pid in ids.items()}
        await asyncio.sleep(seconds)
        for name, pid in ids.items():
            used[name] += cpu_s(pid)
            waited[name] += read_waits(pid)[1]
        stored, passed_s = await count_stored(database_url) - stored, loop.time() - begun
    show(f"{stored / passed_s:,.0f} trades a second were stored, of {per_s:,} sent\n")
    for name in ids:
        show(
            f"{name:9} {used[name] / passed_s:6.1%} of a core, waited for one {waited[name] / passed_s:6.1%} of the time\n"
        )
    show(f"load {' '.join(f'{each:.1f}' for each in os.getloadavg())} of the last 1, 5 and 15 minutes\n")
    if stored < ENOUGH * per_s * passed_s:
        show("too few trades were read: this shows nothing about their cost\n")
        return False
    return used["feed"] / passed_s <= TARGET


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="how long is measured")
    parser.add_argument("--trades", type=int, default=4_000, help="trades a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratewire-ingest-") as folder:
        is_met = asyncio.run(measure(arguments.trades, arguments.seconds, Path(folder)))
    raise SystemExit(0 if is_met else 1)


if __name__ == "__main__":
    main()
