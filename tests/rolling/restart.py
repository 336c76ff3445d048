"""Restart two gateways behind nginx one after the other, under viewers that must not notice.

`make rolling` runs it in full, with 200 viewers of real libraries and 1,800 of the load generator, and prints a table. It exits with 1
where a viewer saw a GAP, gave up, or was without data for longer than 5 s. The times count while the generator used less than 80 % of a core.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.market import make_symbols, populate
from drill.distributed.nginx import start_nginx
from drill.distributed.system import UNBUDGETED
from runtime.free_port import free_port
from tests.backends import ServerProcess, start_redis, temporary_folder
from tests.e2e.processes import Command, running
from tests.rolling.cpu import measured
from tests.rolling.report import Restart, Seen
from tests.rolling.viewers import (
    ROOT,
    GeneratorViewers,
    Viewers,
    generator_viewers,
    gql_viewers,
    node_viewers,
)

LIBRARIES = (
    "graphql-ws",
    "subscriptions-transport-ws",
    "graphql-sse",
    "graphql-sse, one connection",
    "EventSource",
    "Apollo, multipart",
    "Apollo, WebSocket",
)
SYMBOLS, GROUPS, WRITE_INTERVAL_MS = 200, 40, 25
# Each symbol changes once a second, these at different moments: graphql-ws may wait for 4 s, and that is to show.
WATCHED = (0, 10, 20, 30)
START_TIMEOUT_S, STOP_TIMEOUT_S = 90, 60
# After the last restart, for every viewer to resume.
RESUME_TIMEOUT_S = 30
POLL_S = 0.1
LOG_LINES = 30
METRIC = re.compile(r"^ratewire_gateway_(\w+) ([\d.e+]+)$", re.MULTILINE)


@dataclass
class Gateways:
    """The two gateways, which keep their ports."""

    env: Mapping[str, str]
    stack: AsyncExitStack
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    commands: dict[int, Command] = field(default_factory=dict)
    ended: list[Command] = field(default_factory=list)

    async def start(self, port: int) -> None:
        env = {**self.env, "RATEWIRE_GATEWAY_PORT": str(port)}
        self.commands[port] = await self.stack.enter_async_context(running("gateway", env=env, anew=True))
        await self.commands[port].prints("gateway listening", within_s=START_TIMEOUT_S)

    async def restart(self, port: int) -> None:
        command = self.commands[port]
        command.process.send_signal(signal.SIGTERM)
        code = await command.ends(within_s=STOP_TIMEOUT_S)
        assert code == 0, command.text
        assert "Traceback" not in command.text, command.text
        self.ended.append(command)
        await self.start(port)

    def logs(self) -> dict[str, str]:
        return {
            f"gateway, process {each.process.pid}": each.text
            for each in (*self.ended, *self.commands.values())
        }

    def pids(self) -> dict[str, list[int]]:
        return {
            f"gateway {number}": [self.commands[port].process.pid]
            for number, port in enumerate(self.ports, start=1)
        }


class JoinMetrics:
    """The refused and waiting subscriptions of both gateways, read while they run."""

    def __init__(self) -> None:
        self._refused: dict[tuple[int, int], float] = {}
        self.longest_queue = 0

    @property
    def refused(self) -> int:
        return round(sum(self._refused.values()))

    async def watch(self, gateways: Gateways) -> None:
        """Read them repeatedly until cancelled."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            while True:
                for port in gateways.ports:
                    await self._read(client, port, gateways.commands[port].process.pid)
                await asyncio.sleep(POLL_S)

    async def _read(self, client: httpx.AsyncClient, port: int, pid: int) -> None:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics", headers={"connection": "close"})
        except httpx.TransportError:
            return
        metrics = {name: float(value) for name, value in METRIC.findall(answer.text)}
        self._refused[port, pid] = metrics["joins_refused_total"]
        self.longest_queue = max(self.longest_queue, round(metrics["joins_waiting"]))


async def restart(
    redis_url: str, folder: Path, *, each_library: int, generated: int, **settings: object
) -> Restart:
    """Restart both gateways under so many viewers of each library and of the load generator.

    `settings` are those of the gateways that differ from the defaults.
    """
    async with AsyncExitStack() as stack:
        gateways = await _start_gateways(stack, redis_url, folder, settings)
        nginx = stack.enter_context(start_nginx(gateways.ports, clients=10_000))
        await stack.enter_async_context(_writing(redis_url))
        symbols = [str(each) for each in make_symbols(SYMBOLS)]
        watched = [symbols[number] for number in WATCHED]
        port = int(nginx.url.rpartition(":")[2])
        generator = await stack.enter_async_context(generator_viewers(port, symbols, generated, folder))
        in_node = await stack.enter_async_context(
            node_viewers(nginx.url, watched, dict.fromkeys(LIBRARIES, each_library))
        )
        in_python = await stack.enter_async_context(gql_viewers(nginx.url, watched, each_library))
        all_viewers = (in_node, in_python, generator)
        joins = JoinMetrics()
        for each in all_viewers:
            await each.count()
        began = time.monotonic()
        watching = asyncio.create_task(joins.watch(gateways))
        async with measured(lambda: _pids(gateways, nginx, generator)) as cpu:
            for each_port in gateways.ports:
                await gateways.restart(each_port)
            seconds = time.monotonic() - began
            seen = tuple([seen for each in all_viewers for seen in await _final_report(each)])
        watching.cancel()
        return Restart(
            seen=seen,
            seconds=seconds,
            cpu_s=cpu.totals(),
            generator_share=generator.answer["own_cpu_s"] / generator.answer["seconds"],
            codes=generator.answer["codes"],
            refused=joins.refused,
            longest_join_queue=joins.longest_queue,
            logs={"nginx": nginx.read_log(), **gateways.logs()},
        )


async def _start_gateways(
    stack: AsyncExitStack, redis_url: str, folder: Path, settings: Mapping[str, object]
) -> Gateways:
    database_url = f"sqlite+aiosqlite:///{folder}/instruments.db"
    await populate(redis_url, database_url, make_symbols(SYMBOLS))
    env = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_DATABASE_URL": database_url,
        "RATEWIRE_SIMULATED": "true",
        # All viewers come from one address.
        "RATEWIRE_GATEWAY_MAX_SOCKETS_PER_ADDRESS": "100000",
        "RATEWIRE_GATEWAY_MAX_SUBSCRIPTIONS_PER_ADDRESS": "100000",
        **UNBUDGETED,
        **{f"RATEWIRE_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()},
    }
    gateways = Gateways(env, stack)
    for port in gateways.ports:
        await gateways.start(port)
    return gateways


@asynccontextmanager
async def _writing(redis_url: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.writer", redis_url),
        *map(str, (SYMBOLS, GROUPS, WRITE_INTERVAL_MS)),
        cwd=ROOT,
        env=dict(os.environ),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(b"1\n")
        yield
    finally:
        process.terminate()
        await process.wait()


async def _final_report(viewers: Viewers) -> list[Seen]:
    """The report, once all have resumed or given up, or have had enough time."""
    deadline = time.monotonic() + RESUME_TIMEOUT_S
    while True:
        report = await viewers.report()
        is_settled = all(each.never_resumed <= len(each.given_up) for each in report)
        if is_settled or isinstance(viewers, GeneratorViewers) or time.monotonic() > deadline:
            return report
        await asyncio.sleep(POLL_S)


def _pids(gateways: Gateways, nginx: ServerProcess, generator: GeneratorViewers) -> dict[str, list[int]]:
    return {**gateways.pids(), "nginx": nginx.pids(), "generator": [generator.process.pid]}


async def main(each_library: int = 30, generated: int = 1_790) -> int:
    """The exit code."""
    with start_redis() as redis, temporary_folder() as folder:
        report = await restart(redis.url, folder, each_library=each_library, generated=generated)
    sys.stdout.write(f"{report.table()}\n")
    failures = report.losses()
    late = sum(each.beyond for each in report.seen)
    failures += [f"{late} viewers were without data for longer than 5 s"] * (late > 0)
    sys.stdout.writelines(f"MISSED: {each}\n" for each in dict.fromkeys(failures))
    if failures:
        # The access log of nginx is on the same stream, a JSON object a line.
        lines = {
            name: [line for line in text.splitlines() if not line.startswith("{")]
            for name, text in report.logs.items()
        }
        for name, each in lines.items():
            sys.stdout.write("\n".join([f"--- {name}", *each[-LOG_LINES:], ""]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*map(int, sys.argv[1:]))))
