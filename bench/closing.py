"""`python -m bench.closing`: measure how soon a candle is told to be closed, by source.

The parts are processes of their own, as in the compose file: Redis, Postgres, the simulator, a push feed for each source, the
recorder and a gateway. A client holds one subscription to the candles of each source. Everything shares one machine, so the times
that each process waited for a processor stand beside the figures.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
from websockets.exceptions import WebSocketException

from bench.closing_stages import SOURCES, ClosingStages
from bench.rounds import show
from drill.distributed.backends import start_postgres, start_redis
from drill.distributed.ratewire_process import RatewireProcess
from drill.distributed.system import POSTGRES, REDIS, in_thread, list_addresses, migrate_database
from drill.graphql import GraphQLFailed, subscribed
from rates.source import Source
from runtime.free_port import free_port

TARGET_MS = 250.0
BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "LTC", "AVAX", "SUI")
QUOTES: Mapping[Source, str] = {Source.COINBASE: "USD", Source.KRAKEN: "USD"}
START_TIMEOUT_S = 120.0
POLL_S = 0.5
# Minutes that began while the processes started are not measured.
WARM_UP_S = 5.0
TICK_S = 0.01
CANDLES = """
subscription Closing($symbols: [Symbol!]!, $source: SourceId!, $interval: CandleInterval!) {
  candles(symbols: $symbols, source: $source, interval: $interval) {
    kind items { id closeTime state tradeCount }
  }
}
"""


class Waits(NamedTuple):
    """The share of the time that a process ran, and that it waited for a processor."""

    ran: float
    waited: float


class Closings:
    """The times from the ends of candles to the receipt of the first event that says so, in ms.

    A candle that closed while a client was not told of it counts from its end to the SNAPSHOT that leaves it out.
    """

    def __init__(self) -> None:
        self.since = time.time()
        self.ms: dict[tuple[Source, str], list[float]] = defaultdict(list)
        self.lags_ms: list[float] = []
        self.interruptions = Counter[str]()
        """Events that say that something was missed, and subscriptions that ended, by source."""
        self._seen: set[str] = set()
        # The ends of the candles that were told as forming, by subscription and id.
        self._forming: dict[tuple[Source, str], dict[str, float]] = defaultdict(dict)
        self._told_since: dict[tuple[Source, str], float] = {}
        self.stages = ClosingStages()

    async def read(self, url: str, source: Source, interval: str) -> None:
        """Record what one subscription is told, until cancelled; subscribe again after an error."""
        while True:
            with suppress(GraphQLFailed, WebSocketException, OSError, TimeoutError):
                await self._read(url, source, interval)
            self.interruptions[f"{source} ended"] += 1
            await asyncio.sleep(POLL_S)

    async def _read(self, url: str, source: Source, interval: str) -> None:
        symbols = [f"{base}/{QUOTES.get(source, 'USDT')}" for base in BASES]
        variables = {"symbols": symbols, "source": source.name, "interval": interval}
        async with subscribed(url, CANDLES, variables) as events:
            async for data in events:
                self.take(source, interval, cast(Mapping[str, Any], data["candles"]), time.time())

    def take(self, source: Source, interval: str, event: Mapping[str, Any], now: float) -> None:
        """Record an event that came at `now`, in seconds since 1970."""
        key, kind = (source, interval), event["kind"]
        forming = self._forming[key]
        if kind == "GAP":
            self.interruptions[f"{source} GAP"] += 1
        if kind == "SNAPSHOT":
            self._told_since[key] = now
            listed = {item["id"] for item in event["items"]}
            for each in [each for each, end in forming.items() if end <= now and each not in listed]:
                self._add(key, each, forming.pop(each), now)
        if kind not in {"SNAPSHOT", "UPDATE"}:
            return
        for item in event["items"]:
            name, end = item["id"], datetime.fromisoformat(item["closeTime"]).timestamp()
            if item["state"] == "FORMING":
                forming[name] = end
            # A candle that had closed before the subscription may be told again, once more is known of it.
            elif forming.pop(name, None) is not None or end >= self._told_since.get(key, now):
                self._add(key, name, end, now)

    async def watch_loop(self) -> None:
        """Record how late timers of this process fire, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.lags_ms.append((loop.time() - due) * 1_000)

    def _add(self, key: tuple[Source, str], name: str, end: float, now: float) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        if end >= self.since:
            self.stages.note(key[0], end, now)
            self.ms[key].append((now - end) * 1_000)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which this share of them are."""
    found = sorted(values)
    return found[min(len(found) - 1, int(share * len(found)))] if found else float("nan")


def read_waits(pid: int | None) -> tuple[float, float]:
    """Return the seconds that a process has run, and has waited for a processor. Linux only."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9


@asynccontextmanager
async def open_system(folder: Path) -> AsyncIterator[tuple[str, str, Mapping[str, RatewireProcess]]]:
    """Run the parts; yields the gateway's URL and the processes by name."""
    async with AsyncExitStack() as stack:
        backends = {
            REDIS: await stack.enter_async_context(in_thread(start_redis())),
            POSTGRES: await stack.enter_async_context(in_thread(start_postgres())),
        }
        port = free_port()
        env = {**list_addresses(backends), "RATEWIRE_GATEWAY_PORT": str(port)}
        commands: dict[str, Sequence[str]] = {
            "simulator": ("simulator",),
            "recorder": ("recorder",),
            "gateway": ("gateway",),
            **{f"stream-{source}": ("stream", source.value) for source in SOURCES},
        }
        await migrate_database(env, folder)
        processes = {name: RatewireProcess(name, command, env, folder) for name, command in commands.items()}
        for process in processes.values():
            stack.push_async_callback(process.stop)
            await process.start()
        url = f"http://127.0.0.1:{port}"
        await _wait_until_up(url, processes)
        yield url, backends[REDIS].url, processes


async def measure(seconds: float, folder: Path) -> tuple[Closings, Mapping[str, Waits]]:
    """Run the system for some seconds and record all that closes."""
    async with open_system(folder) as (url, redis_url, processes):
        closings = Closings()
        closings.since += WARM_UP_S
        before = {name: read_waits(process.pid) for name, process in processes.items()}
        tasks = [
            asyncio.create_task(closings.watch_loop()),
            asyncio.create_task(closings.stages.read(redis_url)),
        ]
        tasks += [
            asyncio.create_task(closings.read(url, source, interval))
            for source in SOURCES
            for interval in ("S1", "M1")
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*tasks)
        after = {name: read_waits(process.pid) for name, process in processes.items()}
        for task in tasks:
            task.cancel()
        with suppress(WebSocketException, OSError):
            await asyncio.gather(*tasks, return_exceptions=True)
    waits = {
        name: Waits(*((end - start) / seconds for start, end in zip(before[name], after[name], strict=True)))
        for name in processes
    }
    return closings, waits


async def _wait_until_up(url: str, processes: Mapping[str, RatewireProcess]) -> None:
    async with asyncio.timeout(START_TIMEOUT_S), httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            ended = [name for name, process in processes.items() if not process.is_running]
            if ended:
                raise SystemExit(f"{ended[0]} ended:\n{processes[ended[0]].read_log()[-2000:]}")
            with suppress(httpx.TransportError, ValueError, KeyError):
                sources = (await client.get(f"{url}/health/ready")).json()["sources"]
                if all(sources[source.name]["state"] in ("UP", "DEGRADED") for source in SOURCES):
                    return
            await asyncio.sleep(POLL_S)


def report(closings: Closings, waits: Mapping[str, Waits]) -> bool:
    """Show the figures; return whether all sources reach the target."""
    show(f"{'source':10} candle  closed   p50 ms   p90 ms   p99 ms   max ms\n")
    for (source, interval), values in sorted(closings.ms.items()):
        figures = "".join(f"{percentile(values, share):9.0f}" for share in (0.5, 0.9, 0.99, 1.0))
        show(f"{source:10} {interval:6} {len(values):7}{figures}\n")
    stages = closings.stages
    for title, stage in (("folded", stages.folded), ("written", stages.written), ("told", stages.told)):
        for source, found in sorted(stage.items()):
            figures = "".join(f"{percentile(found, share):9.0f}" for share in (0.5, 0.9, 0.99, 1.0))
            show(f"{source:10} {title:8}{len(found):6}{figures}\n")
    for name, count in sorted(closings.interruptions.items()):
        show(f"{name}: {count}\n")
    lag = percentile(closings.lags_ms, 0.99)
    show(f"lag of this client's loop: p99 {lag:.0f} ms, max {max(closings.lags_ms, default=0):.0f} ms\n")
    show(f"load {' '.join(f'{each:.1f}' for each in os.getloadavg())} of the last 1, 5 and 15 minutes\n")
    for name, wait in waits.items():
        show(f"{name:18} ran {wait.ran:6.1%} of a core, waited for one {wait.waited:6.1%} of the time\n")
    return all(percentile(values, 0.99) <= TARGET_MS for values in closings.ms.values())


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="how long, at least a minute")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratewire-closing-") as folder:
        closings, waits = asyncio.run(measure(arguments.seconds, Path(folder)))
    raise SystemExit(0 if report(closings, waits) else 1)


if __name__ == "__main__":
    main()
