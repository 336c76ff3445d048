"""A TCP relay whose connections can be cut.

A lost network for the client while the server lives on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 65_536


class CuttableRelay:
    """Passes bytes between clients and `port` of loopback; listens on `own_port`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self.own_port = 0
        self.accepted = 0
        # While it is cleared, everything is taken in and nothing passed on.
        self._passes = asyncio.Event()
        self._passes.set()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one client's connection until it ends."""
        self.accepted += 1
        try:
            beyond_reader, beyond_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            # Nothing listens there: the client sees its connection reset.
            writer.transport.abort()
            return
        self._open |= {writer, beyond_writer}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pour(reader, beyond_writer))
            group.create_task(self._pour(beyond_reader, writer))
        self._open -= {writer, beyond_writer}

    def blackhole(self) -> None:
        """Pass nothing on and close nothing, as a network that drops every packet, until `restore`."""
        self._passes.clear()

    def restore(self) -> None:
        """Pass everything on again."""
        self._passes.set()

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._passes.wait()
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()

    def cut(self) -> None:
        """Abort all connections at once, without a close frame."""
        for writer in tuple(self._open):
            writer.transport.abort()


@asynccontextmanager
async def cuttable(port: int) -> AsyncIterator[CuttableRelay]:
    """A relay to `port`, on a free port."""
    relay = CuttableRelay(port)
    server = await asyncio.start_server(relay.relay, "127.0.0.1", 0)
    relay.own_port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.restore()
        relay.cut()
