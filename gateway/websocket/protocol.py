"""Uvicorn's WebSocket protocol, with a reliable close and a bound on what it parses at once.

Uvicorn waits until a stalled client has read the write buffer, with the close frame and with the end of the connection. It
answers too large a message with 1009, but closes the socket with bytes unread: the client sees a reset instead. It parses all that has
arrived in one step: 43,000 frames of 6 bytes take seconds, for which all other clients wait.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import structlog
from uvicorn.protocols.utils import ClientDisconnected

from gateway.units import KIB
from gateway.websocket.compression import EXTENSION, MIN_BYTES, accepts_compressed, compress
from gateway.websocket.frame_rate import FrameRate
from gateway.websocket.keepalive import Keepalive
from gateway.websocket.plain_opening import PlainOpeningProtocol
from gateway.websocket.receive_queue import ReceiveQueue
from gateway.websocket.subprotocol import STALLED
from gateway.websocket.writable_flag import WritableFlag
from gateway.websocket.write_queue import FRAME_WRITER, WriteQueue

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from uvicorn.config import Config

# What the subscriptions of one connection with the same payload may write in one burst. Beyond that each waits for its turn,
# and some get fewer events than others, because newer values are conflated meanwhile.
MAX_BURST_BYTES = 1024 * KIB
LINGER_S = 10.0
TOO_MANY_FRAMES = "too many frames: send fewer, larger messages"
SWITCHING_PROTOCOLS = 101
# A stopping process waits less for clients that do not read.
SHUTDOWN_LINGER_S = 1.0
NOT_UTF8 = 1007
POLICY_VIOLATION = 1008
# Bytes parsed in one step of the loop: up to 340 empty frames, at some 20 µs each.
PARSE_BYTES = 2 * KIB
# First byte of a final text frame, plain and compressed.
_TEXT, _COMPRESSED = 0x81, 0xC1
# Length values for a length that follows in 16 or 64 bits.
_LENGTH_16, _LENGTH_64 = 126, 127
_HEAD_16, _HEAD_64 = struct.Struct("!BBH").pack, struct.Struct("!BBQ").pack

log = structlog.get_logger("ratewire.gateway.socket")


def encode_text_frame(message: bytes) -> bytes:
    """Encode a text frame of a server [RFC 6455, 5.2]: final, not masked."""
    return _encode_frame(_TEXT, message)


def encode_compressed_frame(message: bytes) -> bytes:
    """Encode a text frame, compressed from `MIN_BYTES` on."""
    return (
        _encode_frame(_TEXT, message)
        if len(message) < MIN_BYTES
        else _encode_frame(_COMPRESSED, compress(message))
    )


def _encode_frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < _LENGTH_16:
        return b"%c%c%b" % (first, length, payload)
    if length < 1 << 16:
        return _HEAD_16(first, _LENGTH_16, length) + payload
    return _HEAD_64(first, _LENGTH_64, length) + payload


class GatewayWebSocketProtocol(PlainOpeningProtocol):
    """Closes although the client does not read; aborts within `LINGER_S` seconds."""

    _lingering: "TimerHandle | None" = None
    _write_queue: WriteQueue | None = None
    _is_paused = False
    _pong = b""
    # Bytes that wait for the next step, while reading is paused.
    _unread = b""
    _is_parsing_later = False
    keepalive: Keepalive | None = None
    frames_per_s = 200.0
    _frame_rate: FrameRate

    @classmethod
    def configured(cls, keepalive: Keepalive, *, frames_per_s: float) -> type[Self]:
        """The protocol class with one keepalive for all connections, and a rate for each."""
        return type(cls.__name__, (cls,), {"keepalive": keepalive, "frames_per_s": frames_per_s})

    def __init__(self, config: "Config", *others: Any, **named: Any) -> None:
        super().__init__(config, *others, **named)
        self.queue = ReceiveQueue()  # type: ignore[assignment]
        self.writable = WritableFlag()  # type: ignore[assignment]
        if config.ws_per_message_deflate:
            # Uvicorn's extension keeps a compressor per connection.
            self.conn.available_extensions = [EXTENSION]
        self._frame_rate = FrameRate(self.frames_per_s)

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == SWITCHING_PROTOCOLS:
            self.on_negotiated()

    def on_negotiated(self) -> None:
        offered: Any = self.scope["extensions"]
        offered[FRAME_WRITER] = self
        if any(map(accepts_compressed, self.conn.extensions)):
            self.encode_frame = encode_compressed_frame

    @property
    def is_writable(self) -> bool:
        return not (self._is_paused or self.close_sent or self.disconnected)

    @property
    def below_high_water(self) -> bool:
        return self.transport.get_write_buffer_size() < MAX_BURST_BYTES

    def attach(self, queue: WriteQueue) -> None:
        self._write_queue = queue
        # Without a call of ours in between. The queue is closed before the transport is.
        self.write_frame = self.transport.write
        # The scope refers to this object, and this one to the scope.
        self.scope["extensions"].pop(FRAME_WRITER, None)
        # Not needed after the handshake: about 4 KB per connection. The parser keeps the request itself.
        if hasattr(self, "request"):
            self.request.headers.clear()
            del self.request, self.response

    encode_frame: Callable[[bytes], bytes] = staticmethod(encode_text_frame)
    write_frame: Callable[[bytes], None]

    def _write_control(self, frame: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(frame)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_paused = True
        if self._write_queue is not None:
            self._write_queue.on_writable_changed()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_paused = False
        pong, self._pong = self._pong, b""
        if pong and not self.close_sent:
            self._write_control(pong)
        if self._write_queue is not None:
            self._write_queue.on_writable_changed()

    async def send(self, message: "ASGISendEvent") -> None:
        """Send when the client reads; a close frame is written at once, behind what is buffered.

        Raises:
            ClientDisconnected: the connection is closed or closing.
        """
        is_close = message["type"] == "websocket.close"
        if is_close:
            self.writable.set()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # Uvicorn would log an error after every refused handshake.
            self.handshake_complete = True
        if is_close:
            self._linger()
            self._parse_later()

    def start_keepalive(self) -> None:
        if self.keepalive is not None:
            self.keepalive.start(self)

    def stop_keepalive(self) -> None:
        if self.keepalive is not None:
            self.keepalive.stop(self)

    def handle_pong(self, _event: Any) -> None:
        if self.keepalive is not None:
            self.keepalive.on_pong(self)

    def ping(self, frame: bytes) -> None:
        if not self.close_sent:
            self._write_control(frame)

    def on_pong_timeout(self) -> None:
        """Close the connection: the client is gone, or has not read up to the ping in time."""
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(STALLED, "stalled: no pong")
            log.info("connection stalled, closed", reason="no pong")
            self._fail(STALLED, "stalled: no pong")

    def handle_parser_exception(self) -> None:
        """Close the connection: a frame is malformed, or a message is too large."""
        closing = self.conn.close_sent
        if self.close_sent or closing is None:
            return
        self._fail(closing.code, closing.reason)

    def send_receive_event_to_app(self) -> None:
        """Pass on a whole message. Uvicorn would log a traceback for text that is not UTF-8."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            self.conn.fail(NOT_UTF8, "expected UTF-8")
            self._fail(NOT_UTF8, "expected UTF-8")
            return
        super().send_receive_event_to_app()

    async def receive(self) -> "ASGIReceiveEvent":
        """Return the next message, and read on when there is none left."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self._unread:
                self._parse_later()
            else:
                self.transport.resume_reading()
        return message

    def data_received(self, data: bytes) -> None:
        if self._unread:
            self._unread += data
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Parse a part of what has arrived.

        The rest waits for the next step, and for messages to be taken.
        """
        if self.conn.parser_exc is None:
            self._parse_frames(data[:PARSE_BYTES])
            if self.conn.parser_exc is None and len(data) > PARSE_BYTES and not self.transport.is_closing():
                self._unread = data[PARSE_BYTES:]
                self.transport.pause_reading()
                if not self.read_paused:
                    self._parse_later()
        if self.transport.is_closing() and self._lingering is None:
            self._linger()

    def _parse_frames(self, data: bytes) -> None:
        self.conn.receive_data(data)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
        elif self._frame_rate.admits(len(self.conn.events), self.loop.time()):
            self.handle_events()
        elif not self.close_sent:
            self.conn.fail(POLICY_VIOLATION, TOO_MANY_FRAMES)
            log.info("connection closed", reason=TOO_MANY_FRAMES, client=self.client)
            self._fail(POLICY_VIOLATION, TOO_MANY_FRAMES)

    def _parse_later(self) -> None:
        if self._unread and not self._is_parsing_later:
            self._is_parsing_later = True
            self.loop.call_soon(self._parse_unread)

    def _parse_unread(self) -> None:
        self._is_parsing_later = False
        unread, self._unread = self._unread, b""
        if unread and not self.disconnected:
            if len(unread) <= PARSE_BYTES and not self.read_paused:
                self.transport.resume_reading()
            self._parse(unread)

    def eof_received(self) -> None:
        # The transport closes once everything is sent: never, if the client does not read.
        if self._lingering is None:
            self._linger(self.ping_timeout or LINGER_S)

    def handle_cont(self, event: Any) -> None:
        """Handle a continuation frame, unless it is empty: the number of empty ones is not limited."""
        if event.data or event.fin:
            super().handle_cont(event)

    def handle_close(self, event: Any) -> None:
        """Write nothing more behind the close frame."""
        self._close_write_queue()
        super().handle_close(event)

    def handle_ping(self) -> None:
        """Answer a ping.

        While the client does not read, only the newest one is kept [RFC 6455, 5.5.3].
        """
        pong = b"".join(self.conn.data_to_send())
        if self._is_paused and self.conn.close_sent is None:
            self._pong = pong
        else:
            self.transport.write(pong)

    def shutdown(self) -> None:
        self._close_write_queue()
        super().shutdown()
        self._linger(SHUTDOWN_LINGER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        self._close_write_queue()
        super().connection_lost(exc)

    def _fail(self, code: int, reason: str) -> None:
        """Send the close frame, and discard what arrives until the client has closed."""
        self._close_write_queue()
        self._unread = b""
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.writable.set()
        self.read_paused = False
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger()

    def _close_write_queue(self) -> None:
        if self._write_queue is not None:
            self._write_queue.close()
            self._write_queue = None

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
