"""A connection without a socket: what arrives and what is written is in the hands of a test."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from gateway.app import GatewayApp, create_app
from gateway.gateway import Gateway
from gateway.http.protocol import GatewayHttpProtocol
from gateway.settings import GatewaySettings
from gateway.websocket.protocol import GatewayWebSocketProtocol
from tests.gateway.fakes import wait_until

ONE = '{ rate(symbol: "BTC/USDT") { id price ageMs freshness } }'


def post(query: str, *more: str) -> bytes:
    return post_body(json.dumps({"query": query}), *more)


def post_body(text: str, *more: str) -> bytes:
    body = text.encode()
    lines = [
        "POST /graphql HTTP/1.1",
        "Host: here",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


READ = b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n\r\n"
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False
        self.is_aborted = False
        self.is_read = True
        self.unsent_bytes = self.takes = self.looks = 0
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take the limits, which nothing reaches."""

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def get_write_buffer_size(self) -> int:
        """The client has taken something since the last look, if it `takes` anything."""
        self.looks += 1
        self.unsent_bytes -= self.takes
        return self.unsent_bytes

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Nothing is written after it."""

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Deliver all further bytes to this protocol."""
        self.protocol = protocol

    @property
    def websocket(self) -> GatewayWebSocketProtocol:
        """The protocol of a connection that was upgraded."""
        assert isinstance(self.protocol, GatewayWebSocketProtocol)
        return self.protocol

    def answers(self) -> int:
        """Return the number of written responses."""
        return b"".join(self.written).count(b"HTTP/1.1 200 OK")


def written(wire: Wire) -> bytes:
    """Everything that was written."""
    return b"".join(wire.written)


@asynccontextmanager
async def connected(
    gateway: Gateway, app: GatewayApp | None = None, *, head_timeout_s: float = 0.2, **configured: Any
) -> AsyncIterator[tuple[GatewayHttpProtocol, Wire]]:
    """The protocol on a wire, in front of the whole application."""
    app = app or create_app(gateway, GatewaySettings(port=0, fast_path=True))
    protocol_class = GatewayHttpProtocol.configured(
        head_timeout_s=head_timeout_s, stall_timeout_s=0.2, request_cache=app.graphql.request_cache
    )
    config = uvicorn.Config(
        app, http=protocol_class, ws=GatewayWebSocketProtocol, lifespan="off", log_config=None, **configured
    )
    config.load()
    protocol = protocol_class(config=config, server_state=ServerState(), app_state={})
    wire = Wire()
    protocol.connection_made(wire)
    try:
        yield protocol, wire
    finally:
        protocol.connection_lost(None)


async def learned(protocol: GatewayHttpProtocol, wire: Wire, request: bytes = post(ONE)) -> None:
    """The request took the ASGI path twice, and is known. Only the second answer counts."""
    await asked(protocol, wire, request)
    wire.written.clear()
    await asked(protocol, wire, request)


async def asked(protocol: GatewayHttpProtocol, wire: Wire, request: bytes = post(ONE)) -> None:
    """The request is answered."""
    before = wire.answers()
    protocol.data_received(request)
    await wait_until(lambda: wire.answers() > before)
