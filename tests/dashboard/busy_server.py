"""A gateway whose every instrument moves ten times a second, in a process of its own."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runtime.free_port import free_port
from tests.e2e.processes import ROOT


class BusyServer:
    """Its address, and how many rates it has written."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.rates_a_second: list[int] = []
        self._changed = asyncio.Event()

    @property
    def written(self) -> int:
        """Rates so far; it counts each second."""
        return sum(self.rates_a_second)

    async def has_written(self, count: int) -> None:
        """Wait until so many rates were written."""
        while self.written < count:
            self._changed.clear()
            await self._changed.wait()

    async def follow(self, lines: asyncio.StreamReader) -> None:
        """Count what the process prints."""
        while line := await lines.readline():
            self.rates_a_second.append(int(line))
            self._changed.set()


@asynccontextmanager
async def busy_server(
    instruments: int, *, folder: Path = ROOT, python: str = sys.executable
) -> AsyncIterator[BusyServer]:
    """Start the gateway of the source tree in `folder`; end it on leaving."""
    server = BusyServer(port := free_port())
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", "tests.dashboard.busy_market", str(port), str(instruments)),
        cwd=folder,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    assert process.stderr is not None
    counting = asyncio.create_task(server.follow(process.stderr))
    try:
        # Its first count says that the page can be opened.
        await server.has_written(1)
        yield server
    finally:
        process.terminate()
        await process.wait()
        await counting
