"""Replies of a server that is not the primary lead to a new connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from cache.redis_client import open_redis, translated_errors
from rates.errors import CacheUnavailable

pytestmark = pytest.mark.servers

REPLIES = [
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING Redis is loading the dataset in memory",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
]


class DemotedServer:
    """Answer SET with an error on the first connections, like a server that is no primary."""

    def __init__(self) -> None:
        self.error = ""
        self.failing = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> str:
        """Listen; returns the URL. RESP2 keeps the greeting to commands that are answered with OK."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"redis://127.0.0.1:{port}/0?protocol=2"

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        is_failing = self.connections <= self.failing
        self._writers.append(writer)
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2])
            reply = f"-{self.error}" if is_failing and words[0] == b"SET" else "+OK"
            # The client checks a new connection with a PING.
            writer.write(b"+PONG\r\n" if words[0] == b"PING" else f"{reply}\r\n".encode())


@pytest.fixture
async def server() -> AsyncIterator[DemotedServer]:
    server = DemotedServer()
    yield server
    server.stop()


@pytest.mark.parametrize("reply", REPLIES)
async def test_a_command_is_repeated_once_on_a_new_connection(server: DemotedServer, reply: str) -> None:
    """The address may lead to the new primary by now."""
    server.error, server.failing = reply, 1
    async with aclosing(open_redis(await server.start())) as redis:
        with translated_errors():
            assert await redis.set("key", "value")
    assert server.connections == 2


@pytest.mark.parametrize("reply", REPLIES)
async def test_a_second_error_is_raised_and_the_next_command_connects_again(
    server: DemotedServer, reply: str
) -> None:
    """The caller decides on the wait; no connection to the wrong server stays in the pool."""
    server.error, server.failing = reply, 2
    async with aclosing(open_redis(await server.start())) as redis:
        with pytest.raises(CacheUnavailable), translated_errors():
            await redis.set("key", "value")
        assert server.connections == 2
        with translated_errors():
            assert await redis.set("key", "value")
    assert server.connections == 3


async def test_other_errors_keep_the_connection(server: DemotedServer) -> None:
    """An error that another connection would give as well is raised at once."""
    server.error, server.failing = "OOM command not allowed when used memory > 'maxmemory'.", 2
    async with aclosing(open_redis(await server.start())) as redis:
        with pytest.raises(CacheUnavailable, match="OutOfMemory"), translated_errors():
            await redis.set("key", "value")
    assert server.connections == 1
