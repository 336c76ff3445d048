"""A WebSocket client that sends whatever a test wants and judges nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import websockets

from tests.json_types import Json

MODERN, LEGACY = "graphql-transport-ws", "graphql-ws"
TIMEOUT_S = 60
SOURCES = "subscription { sources { source { code } } }"
RATES = "subscription { rates { kind conflatedCount cursor items { symbol price } } }"


class RawSocket:
    """One connection. Every wait ends within `TIMEOUT_S`."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: object) -> None:
        """A message, or a text or bytes as they are."""
        async with asyncio.timeout(TIMEOUT_S):
            await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def receive(self) -> Json:
        async with asyncio.timeout(TIMEOUT_S):
            return json.loads(await self.connection.recv())

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason of the server's close; messages before it are skipped."""
        async with asyncio.timeout(TIMEOUT_S):
            try:
                while True:
                    await self.connection.recv()
            except websockets.ConnectionClosed:
                return self.connection.close_code, self.connection.close_reason

    async def init(self) -> None:
        await self.send({"type": "connection_init"})
        assert await self.receive() == {"type": "connection_ack"}
        if self.connection.subprotocol == LEGACY:
            assert await self.receive() == {"type": "ka"}

    async def start(self, operation: str, query: str, **variables: Json) -> None:
        kind = "start" if self.connection.subprotocol == LEGACY else "subscribe"
        payload = {"query": query, "variables": variables}
        await self.send({"type": kind, "id": operation, "payload": payload})

    async def answers(self) -> None:
        """Proof that the connection is open and everything sent before has been read."""
        await self.send({"type": "ping", "payload": {"still": "there"}})
        while (message := await self.receive())["type"] != "pong":
            assert message["type"] in {"next", "complete", "error"}
        assert message == {"type": "pong", "payload": {"still": "there"}}


@asynccontextmanager
async def raw_socket(
    url: str, *subprotocols: str, init: bool = True, **options: Json
) -> AsyncIterator[RawSocket]:
    """An open connection, initialised unless a test wants to do that itself."""
    offered = [websockets.Subprotocol(each) for each in subprotocols or (MODERN,)]
    async with websockets.connect(
        url, subprotocols=offered, proxy=None, close_timeout=1, ping_interval=None, **options
    ) as connection:
        client = RawSocket(connection)
        if init:
            await client.init()
        yield client
