"""Uvicorn's WebSocket, made to end connections well: a reader that has stopped reading, and a message beyond the limit.

A stalled reader leaves bytes that nobody takes: uvicorn would wait with the close frame until they are gone, and with the end
of the connection too. A message beyond the limit is answered by 1009, but a socket closed with bytes unread resets the
connection, and the client sees that instead.
"""

import socket
from typing import TYPE_CHECKING, Any

import structlog
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.transports.connection import IS_WRITABLE
from gateway.transports.effects import STALLED

if TYPE_CHECKING:
    from asyncio import BaseTransport, TimerHandle

    from uvicorn._types import ASGISendEvent

KIB = 1024
# What the kernel keeps unsent: more would only be older by the time that it is read, and memory that nobody counts.
MAX_UNSENT_BYTES = 64 * KIB
LINGER_S = 10.0
SWITCHING_PROTOCOLS = 101
# A process that has been asked to stop has less time for readers that do not read.
SHUTDOWN_LINGER_S = 1.0
NOT_UTF8 = 1007

log = structlog.get_logger("ratewire.gateway.socket")


class GatewaySocket(WebSocketsSansIOProtocol):
    """Closes in spite of a blocked reader, and is gone `LINGER_S` later whatever the reader does."""

    _lingering: "TimerHandle | None" = None

    def connection_made(self, transport: "BaseTransport") -> None:
        super().connection_made(transport)
        link = transport.get_extra_info("socket")
        if link is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == SWITCHING_PROTOCOLS:
            offered: Any = self.scope["extensions"]
            offered[IS_WRITABLE] = self.writable.is_set

    async def send(self, message: "ASGISendEvent") -> None:
        """Send when the reader takes it; a close goes out at once, behind what is buffered.

        Raises:
            ClientDisconnected: the connection is over or ending.
        """
        is_close = message["type"] == "websocket.close"
        if is_close:
            self.writable.set()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if is_close:
            self._linger()

    def keepalive_timeout(self) -> None:
        """No pong for the whole of the stall timeout: the reader is gone, or has not read up to the ping."""
        self.pong_timer = None
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(STALLED, "stalled: no pong")
            log.info("connection stalled, closed", reason="no pong")
            self._end(STALLED, "stalled: no pong")

    def handle_parser_exception(self) -> None:
        """What was received is beyond the limit or no WebSocket frame."""
        closing = self.conn.close_sent
        if self.close_sent or closing is None:
            return
        self._end(closing.code, closing.reason)

    def send_receive_event_to_app(self) -> None:
        """A whole message has arrived. Uvicorn would log a stack trace for text that is not UTF-8."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(NOT_UTF8, "expected UTF-8")
            self._end(NOT_UTF8, "expected UTF-8")
            return
        super().send_receive_event_to_app()

    def data_received(self, data: bytes) -> None:
        if self.conn.parser_exc is None:
            super().data_received(data)

    def shutdown(self) -> None:
        super().shutdown()
        self._linger(SHUTDOWN_LINGER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)

    def _end(self, code: int, reason: str) -> None:
        """Say so, and go on reading into the void until the client has heard it."""
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.writable.set()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger()

    def _linger(self, limit_s: float = LINGER_S) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        self._lingering = self.loop.call_later(limit_s, self.transport.abort)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
