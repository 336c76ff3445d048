"""A real proxy on a free port: HTTP with CONNECT, and SOCKS5.

It connects every name to one server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class ProxyServer:
    """`asked`: the targets of the clients, as they spelt them."""

    def __init__(self, target_port: int) -> None:
        self.target_port, self.port = target_port, 0
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            head = await (
                self._socks(reader, writer) if first == b"\x05" else self._http(first, reader, writer)
            )
            there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
            try:
                back.write(head)
                await asyncio.gather(relay(reader, back), relay(there, writer))
            finally:
                back.close()
                await back.wait_closed()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """RFC 1928, without authentication, by name."""
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x00")
        await reader.readexactly(4)
        name = await reader.readexactly((await reader.readexactly(1))[0])
        port = int.from_bytes(await reader.readexactly(2))
        self.asked.append(f"SOCKS {name.decode()}:{port}")
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x01")
        return b""

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        head = first + await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.partition(b" HTTP/1.1")[0].decode())
        if not head.startswith(b"CONNECT"):
            return head
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        return b""


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def open_proxy(target_port: int) -> AsyncIterator[ProxyServer]:
    """The proxy, while the context is open."""
    proxy = ProxyServer(target_port)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(proxy.serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
