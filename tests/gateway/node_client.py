"""Runs a script of `tests/clients` with Node and reads the JSON lines that it prints."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.json_types import Json

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
TIMEOUT_S = 60


class NodeClient:
    """A running script."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> Json:
        """The next line that it prints."""
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT_S):
            line = await self._process.stdout.readline()
        assert line, "the client ended early"
        return json.loads(line)

    async def lines(self) -> AsyncIterator[Json]:
        """All lines that it prints until it ends, which it does well."""
        assert self._process.stdout is not None
        while True:
            async with asyncio.timeout(TIMEOUT_S):
                line = await self._process.stdout.readline()
            if not line:
                break
            yield json.loads(line)
        async with asyncio.timeout(TIMEOUT_S):
            assert await self._process.wait() == 0

    def tell(self, line: str) -> None:
        """A line for it to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def ends(self) -> None:
        """It ends by itself, with nothing left to say, and well."""
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT_S):
            assert await self._process.stdout.read() == b""
            assert await self._process.wait() == 0


@asynccontextmanager
async def node_client(script: str, *arguments: str) -> AsyncIterator[NodeClient]:
    """The script, ended at the latest on leaving."""
    process = await asyncio.create_subprocess_exec(
        "node", script, *arguments, cwd=CLIENTS, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield NodeClient(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
