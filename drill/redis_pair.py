"""Two Redis servers behind one address, as behind a TCP proxy or a DNS name.

Commands go over plain sockets, so that the failover does not depend on the client that is drilled.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"
STARTED_WITHIN_S = 20.0
POLL_S = 0.05
CHUNK_BYTES = 65_536


class RedisPair:
    """A primary and its replica.

    New connections lead to the primary. Those that are open stay where they are.
    """

    def __init__(self, primary: int, replica: int) -> None:
        self._primary, self._replica = primary, replica
        self._links: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The address that leads to the present primary."""
        return f"redis://{HOST}:{self.port}/0"

    async def fail_over(self) -> None:
        """Promote the replica and make the old primary its replica."""
        old, new = self._primary, self._replica
        await ask(new, "REPLICAOF NO ONE")
        await ask(old, f"REPLICAOF {HOST} {new}")
        self._primary, self._replica = new, old

    async def wait_until_replicated(self) -> None:
        """Wait until the primary has a replica that is in step with it."""
        async with asyncio.timeout(STARTED_WITHIN_S):
            while "state=online" not in await ask(self._primary, "INFO replication"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(POLL_S)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lead a new connection to the primary."""
        link = asyncio.create_task(self._forward(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def close(self) -> None:
        """Close all connections."""
        for link in tuple(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(HOST, self._primary)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_copy(reader, upstream_writer))
                    group.create_task(_copy(upstream_reader, writer))
            finally:
                upstream_writer.close()
        except* OSError:
            pass
        finally:
            writer.close()


def has_redis() -> bool:
    """Whether this machine has a Redis server to drill with."""
    return shutil.which("redis-server") is not None


@asynccontextmanager
async def open_redis_pair(folder: Path) -> AsyncIterator[RedisPair]:
    """Run both servers and the address in front of them."""
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(_server(folder / "primary"))
        replica = await stack.enter_async_context(_server(folder / "replica"))
        await ask(replica, f"REPLICAOF {HOST} {primary}")
        pair = RedisPair(primary, replica)
        await pair.wait_until_replicated()
        front = await asyncio.start_server(pair.accept, HOST, 0)
        pair.port = front.sockets[0].getsockname()[1]
        try:
            yield pair
        finally:
            front.close()
            await pair.close()


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[int]:
    await asyncio.to_thread(folder.mkdir)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "redis-server",
        *("--port", str(port), "--bind", HOST, "--dir", str(folder), "--save", "", "--appendonly", "no"),
        *("--repl-diskless-sync-delay", "0"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(STARTED_WITHIN_S):
            while True:
                with suppress(OSError):
                    await ask(port, "PING")
                    break
                await asyncio.sleep(POLL_S)
        yield port
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def ask(port: int, command: str) -> str:
    """Return the reply to one inline command.

    Raises:
        OSError: no server there.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"{command}\r\nQUIT\r\n".encode())
        async with asyncio.timeout(STARTED_WITHIN_S):
            return (await reader.read()).decode()
    finally:
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.close()
