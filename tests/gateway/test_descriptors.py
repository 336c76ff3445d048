"""A gateway that runs out of file descriptors: real processes with a low limit."""

import asyncio
import os
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.descriptors import limit_descriptors, return_descriptors, take_descriptors
from tests.e2e.processes import eventually
from tests.gateway.gateway_processes import GatewayProcess, gateway_processes
from tests.gateway.test_workers import children

pytestmark = pytest.mark.servers

SPARE = 8
CONNECTIONS = 120
WITHIN_S = 120
SPELLS = "ratewire_gateway_descriptors_exhausted_total"
LOGGED = "out of file descriptors"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def open_connections(gateway: GatewayProcess) -> list[Connection]:
    """Open TCP connections that send nothing."""
    port = httpx.URL(gateway.http).port
    assert port is not None
    return [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]


async def count_closed(connections: Sequence[Connection]) -> int:
    """Return how many the gateway has closed."""
    for reader, _ in connections:
        with suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(0.01):
                await reader.read(1)
    return sum(reader.at_eof() or reader.exception() is not None for reader, _ in connections)


async def read_spells(client: httpx.AsyncClient) -> float:
    """Return the counter of `/metrics`."""
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{SPELLS} "))


async def run_out(gateway: GatewayProcess, pids: Iterable[int]) -> list[Connection]:
    """Take all descriptors of these processes."""
    for pid in pids:
        limit_descriptors(pid, SPARE)
    connections = await open_connections(gateway)

    async def are_closed() -> bool:
        return await count_closed(connections) > CONNECTIONS / 2

    # They would have waited in the queue of the kernel otherwise.
    await eventually(are_closed, within_s=WITHIN_S, what="connections closed at once")
    await gateway.command.prints(LOGGED)
    return connections


async def wait_until_served(gateway: GatewayProcess) -> None:
    """Wait until a new connection gets an answer."""

    async def is_served() -> bool:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(f"{gateway.http}/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(is_served, within_s=WITHIN_S, what="a new connection served")


async def test_a_gateway_without_descriptors_logs_it_once_counts_it_and_recovers(
    redis_url: str, tmp_path: Path
) -> None:
    """Open connections are served meanwhile. New ones are closed at once, later served."""
    async with (
        gateway_processes(1, redis_url, tmp_path, ["BTC/USDT"], drain_s=0) as (gateway,),
        httpx.AsyncClient(base_url=gateway.http, timeout=60) as client,
    ):
        assert await read_spells(client) == 0
        connections = await run_out(gateway, [gateway.command.process.pid])
        assert await read_spells(client) == 1
        for _, writer in connections:
            writer.close()
        await wait_until_served(gateway)
        assert await read_spells(client) == 1
        assert gateway.command.text.count(LOGGED) == 1
        assert "Traceback" not in gateway.command.text


async def test_workers_without_descriptors_recover_without_a_restart(redis_url: str, tmp_path: Path) -> None:
    """Each worker has a limit of its own.

    A supervisor without descriptors starts its workers later.
    """
    async with gateway_processes(1, redis_url, tmp_path, ["BTC/USDT"], workers=2, drain_s=0) as (gateway,):
        workers = children(gateway.command)
        assert len(workers) == 2
        connections = await run_out(gateway, workers)
        for _, writer in connections:
            writer.close()
        await wait_until_served(gateway)
        assert 1 <= gateway.command.text.count(LOGGED) <= 2
        assert children(gateway.command) == workers
        assert "worker ended" not in gateway.command.text
        supervisor = gateway.command.process.pid
        take_descriptors(supervisor)
        os.kill(min(workers), signal.SIGKILL)
        await gateway.command.prints("worker not started")
        return_descriptors(supervisor)

        async def are_two() -> bool:
            return len(children(gateway.command)) == 2

        await eventually(are_two, within_s=WITHIN_S, what="another worker")
        assert gateway.command.process.returncode is None
