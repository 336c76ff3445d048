"""Uvicorn's WebSocket, made to end connections well: a reader that has stopped reading, and a message beyond the limit.

A stalled reader leaves bytes that nobody takes: uvicorn would wait with the close frame until they are gone, and with the end
of the connection too. A message beyond the limit is answered by 1009, but a socket closed with bytes unread resets the
connection, and the client sees that instead.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import structlog
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.units import KIB
from gateway.websocket.compression import EXTENSION, MIN_BYTES, compress, takes_compressed
from gateway.websocket.keepalive import Keepalive
from gateway.websocket.subprotocol import STALLED
from gateway.websocket.write_queue import FRAME_WRITER, WriteQueue

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from uvicorn._types import ASGISendEvent
    from uvicorn.config import Config

# What subscriptions of one connection that are told the same may write together. Beyond, each waits for its turn, and some are
# told less than others, because newer values are merged meanwhile.
MAX_BURST_BYTES = 1024 * KIB
LINGER_S = 10.0
SWITCHING_PROTOCOLS = 101
# A process that has been asked to stop has less time for readers that do not read.
SHUTDOWN_LINGER_S = 1.0
NOT_UTF8 = 1007
# First bytes of a frame: the end of a message, of text; and compressed.
_TEXT, _COMPRESSED = 0x81, 0xC1
# Lengths that say that the length follows in 16 or 64 bits.
_LENGTH_16, _LENGTH_64 = 126, 127
_HEAD_16, _HEAD_64 = struct.Struct("!BBH").pack, struct.Struct("!BBQ").pack

log = structlog.get_logger("ratewire.gateway.socket")


def frame_text(message: bytes) -> bytes:
    """A text frame from a server [RFC 6455, 5.2]: final, not masked."""
    return _frame(_TEXT, message)


def frame_compressed(message: bytes) -> bytes:
    """The same, compressed where that pays."""
    return _frame(_TEXT, message) if len(message) < MIN_BYTES else _frame(_COMPRESSED, compress(message))


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < _LENGTH_16:
        return b"%c%c%b" % (first, length, payload)
    if length < 1 << 16:
        return _HEAD_16(first, _LENGTH_16, length) + payload
    return _HEAD_64(first, _LENGTH_64, length) + payload


class GatewayWebSocketProtocol(WebSocketsSansIOProtocol):
    """Closes in spite of a blocked reader, and is gone `LINGER_S` later whatever the reader does."""

    _lingering: "TimerHandle | None" = None
    _line: WriteQueue | None = None
    _is_paused = False
    _pong = b""
    keepalive: Keepalive | None = None

    @classmethod
    def configured(cls, keepalive: Keepalive) -> type[Self]:
        """The protocol with all its connections kept alive by that; uvicorn has two timers for each."""
        return type(cls.__name__, (cls,), {"keepalive": keepalive})

    def __init__(self, config: "Config", *others: Any, **named: Any) -> None:
        super().__init__(config, *others, **named)
        if config.ws_per_message_deflate:
            # Uvicorn's keeps a compressor for each connection.
            self.conn.available_extensions = [EXTENSION]

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == SWITCHING_PROTOCOLS:
            offered: Any = self.scope["extensions"]
            offered[FRAME_WRITER] = self
            if any(map(takes_compressed, self.conn.extensions)):
                self.frame = frame_compressed

    @property
    def is_writable(self) -> bool:
        return not (self._is_paused or self.close_sent or self.disconnected)

    @property
    def has_room(self) -> bool:
        return self.transport.get_write_buffer_size() < MAX_BURST_BYTES

    def attach(self, line: WriteQueue) -> None:
        self._line = line
        # The handshake is over: both would stay as long as the connection, some 2 KB.
        del self.request, self.response

    frame: Callable[[bytes], bytes] = staticmethod(frame_text)

    def write(self, frame: bytes) -> None:
        # One that is closing but has not said so yet must not fail: the frame is for others too.
        if not self.transport.is_closing():
            self.transport.write(frame)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_paused = True
        if self._line is not None:
            self._line.note_change()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_paused = False
        pong, self._pong = self._pong, b""
        if pong and not self.close_sent:
            self.write(pong)
        if self._line is not None:
            self._line.note_change()

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

    def start_keepalive(self) -> None:
        if self.keepalive is not None:
            self.keepalive.watch(self)

    def stop_keepalive(self) -> None:
        if self.keepalive is not None:
            self.keepalive.forget(self)

    def handle_pong(self, _event: Any) -> None:
        if self.keepalive is not None:
            self.keepalive.note_pong(self)

    def ping(self, frame: bytes) -> None:
        if not self.close_sent:
            self.write(frame)

    def keepalive_timeout(self) -> None:
        """No pong for the whole of the stall timeout: the reader is gone, or has not read up to the ping."""
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
        if self.transport.is_closing() and self._lingering is None:
            self._linger()

    def eof_received(self) -> None:
        # The transport closes as soon as everything is sent, which a client that reads nothing puts off for ever.
        if self._lingering is None:
            self._linger(self.ping_timeout or LINGER_S)

    def handle_cont(self, event: Any) -> None:
        """A part of a message. Its size is limited, but not how many parts there are that hold nothing."""
        if event.data or event.fin:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        """While the reader takes nothing, only the newest ping is remembered [RFC 6455, 5.5.3]."""
        pong = b"".join(self.conn.data_to_send())
        if self._is_paused and self.conn.close_sent is None:
            self._pong = pong
        else:
            self.transport.write(pong)

    def shutdown(self) -> None:
        self._close_line()
        super().shutdown()
        self._linger(SHUTDOWN_LINGER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        self._close_line()
        super().connection_lost(exc)

    def _end(self, code: int, reason: str) -> None:
        """Say so, and go on reading into the void until the client has heard it."""
        self._close_line()
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

    def _close_line(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

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
