"""Processes that tests fork behave as started ones, and share nothing."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from runtime.free_port import free_port
from tests.e2e.forked_processes import ForkedProcess
from tests.e2e.processes import ROOT, Command, eventually, running

pytestmark = pytest.mark.servers

WITHIN_S = 60
WAITING = {"RATEWIRE_REDIS_URL": "redis://127.0.0.1:1/0", "RATEWIRE_STARTUP_TIMEOUT_S": "600"}
# What the process prints that is killed: the identifier of its fork.
STARTER = """
import asyncio
from tests.e2e.processes import running

async def main():
    async with running("gateway", env={env}) as command:
        await command.prints("retrying")
        print(command.process.pid, flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


def waiting() -> dict[str, str]:
    """The settings of a gateway that waits for Redis."""
    return {**WAITING, "RATEWIRE_GATEWAY_PORT": str(free_port())}


async def test_a_fork_has_the_output_and_exit_code_of_a_started_process() -> None:
    """Settings come from its own environment."""
    seen = []
    for anew in (False, True):
        async with running("gateway", env={"RATEWIRE_GATEWAY_PORT": "x"}, anew=anew) as command:
            assert isinstance(command.process, ForkedProcess) is not anew
            seen.append((await command.ends(within_s=WITHIN_S), command.text))
    assert seen[0] == seen[1]
    assert seen[0][0] != 0
    assert "RATEWIRE_GATEWAY_PORT='x'" in seen[0][1]


async def test_forks_are_killed_one_by_one() -> None:
    """The exit code names the signal; the other one goes on."""
    async with running("gateway", env=waiting()) as one, running("gateway", env=waiting()) as other:
        for command in (one, other):
            await command.prints("retrying", within_s=WITHIN_S)
        assert one.process.pid != other.process.pid
        await one.kill()
        assert one.process.returncode == -signal.SIGKILL
        printed = other.text.count("retrying")
        await eventually(lambda: has_printed(other, printed), within_s=WITHIN_S, what="another attempt")
        assert other.process.returncode is None


async def has_printed(command: Command, count: int) -> bool:
    """Whether the process has tried again."""
    return command.text.count("retrying") > count


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for a process of another parent")
async def test_a_fork_ends_with_the_tests_that_started_it() -> None:
    """Also when they are killed, and cannot stop it."""
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER.format(env=waiting())), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            fork = int(await starter.stdout.readline())
        assert is_running(fork)
    finally:
        starter.kill()
        await starter.wait()

    async def is_gone() -> bool:
        return not is_running(fork)

    await eventually(is_gone, within_s=WITHIN_S, what="the end of the fork")


def is_running(process_id: int) -> bool:
    """Whether a process exists that is more than an exit code that nobody has read."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(") ")[2][0] != "Z"
