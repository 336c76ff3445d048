"""The commands `ratewire simulator fault`, `faults` and `heal` against a running simulator."""

import asyncio
import sys

import pytest

from simulator.server import run_simulator
from simulator.settings import SimulatorSettings

pytestmark = pytest.mark.servers


async def run(*arguments: str) -> tuple[int | None, str]:
    """Run the command; return its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ratewire",
        "simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"COLUMNS": "200", "PATH": ""},
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def test_a_fault_is_put_listed_and_healed() -> None:
    """Each command reports its effect; an invalid argument gets the valid ones, not a traceback."""
    async with run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as at:
        url = ("--url", at.status_url.removesuffix("/simulator/status"))
        code, said = await run(
            "fault", "okx", "frozen", "--symbol", "BTC/USDT", "--for", "60", "--set", "mode=price", *url
        )
        assert (code, "frozen at okx is on: number 1" in said) == (0, True), said
        code, said = await run("faults", *url)
        assert code == 0
        assert "BTC-USDT" in said
        assert "http-418" in said
        code, said = await run("fault", "okx", "fire", *url)
        assert (code, "silence" in said, "Traceback" in said) == (1, True, False), said
        code, said = await run("heal", "1", *url)
        assert (code, "frozen at okx is off" in said) == (0, True), said
        code, said = await run("heal", *url)
        assert (code, "No fault was on" in said) == (0, True), said
