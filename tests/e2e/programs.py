"""Start programs of any language as a user would, and read their output."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

LONGEST_S = 240


class Program:
    """A running program; its output is read line by line, errors included."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, *, has: str = "", within_s: float = 120) -> str:
        """The next line that contains `has`.

        An AssertionError when the program ends or takes too long before.
        """
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                while line := (await self.process.stdout.readline()).decode():
                    self.lines.append(line)
                    if has in line:
                        return line
        except TimeoutError:
            raise AssertionError(f"waited {within_s} s for {has!r} in {self.lines}") from None
        raise AssertionError(f"ended before {has!r}: {self.lines}")


@asynccontextmanager
async def started(*command: str, cwd: Path, env: Mapping[str, str]) -> AsyncIterator[Program]:
    """Start a program; end it on leaving, with all processes that it started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
        start_new_session=True,
    )
    try:
        yield Program(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def output_of(*command: str, cwd: Path, env: Mapping[str, str]) -> str:
    """The whole output of a program, which must exit with 0."""
    async with started(*command, cwd=cwd, env=env) as program, asyncio.timeout(LONGEST_S):
        output, _ = await program.process.communicate()
        assert program.process.returncode == 0, output.decode()
        return output.decode()
