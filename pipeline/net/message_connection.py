"""A WebSocket connection that takes plain messages straight from the bytes that arrive.

Nearly all messages of a source are one frame each, whole and uncompressed. The library reads each of them with generators, a queue and
a coroutine, which costs more than their content. Here, those that arrived together are passed on in one call. Every other frame is
left to the library: parts of messages, compressed, control and broken ones, and those that arrive in parts
(docs/decisions/0086-frames-of-push-feeds.md).
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.protocol import State

OnMessages = Callable[[Sequence[bytes]], None]


class _ReadingEnded(Exception):
    """Wakes the reading task, because passing on a message raised an error."""


# A frame that is a whole message: text or binary, without an extension's bit.
_MESSAGES = frozenset({0x81, 0x82})
_END_OF_HEAD = b"\r\n\r\n"
# In the second byte of a frame: lengths that follow in two or eight bytes, and the bit of a mask, which no server may set.
_TWO_BYTES, _EIGHT_BYTES, _MASK_BIT = 126, 127, 128
# That much at once means that more is waiting. Other tasks take their turn before the next part is read.
_BACKLOG_BYTES = 64 * 1024
# Parts that follow each other faster are read together: to wake up for a few frames at a time costs more than to read them.
READ_INTERVAL_S = 0.01


class MessageConnection(ClientConnection):
    """A connection to read with `recv`, or with `read_all`."""

    _on_messages: OnMessages | None
    _failure: Exception | None
    # The end of what arrived of the handshake's response; `None` once its head is complete.
    _response_end: bytes | None
    # A header that is not complete, and the bytes that are missing of the frame that the library reads.
    _header: bytes
    _missing: int
    _read_at: float

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:
        super().__init__(protocol, **options)
        self._on_messages = self._failure = None
        self._response_end = self._header = b""
        self._missing, self._read_at = 0, -READ_INTERVAL_S

    async def read_all(self, on_messages: OnMessages) -> NoReturn:
        """Pass on all messages in their order, undecoded, until cancelled.

        None is lost then: the next call goes on.

        Raises:
            ConnectionClosed: as `recv`.
            Exception: what `on_messages` raised. It gets no message after that.
        """
        self._on_messages = on_messages
        try:
            while self._failure is None:
                on_messages((await self.recv(decode=False),))
        except _ReadingEnded:
            pass
        finally:
            self._on_messages = None
        assert self._failure is not None
        raise self._failure

    def data_received(self, data: bytes) -> None:
        if self._response_end is not None:
            data = self._pass_response(data)
        if self._header:
            data, self._header = self._header + data, b""
        if self.protocol.state is not State.OPEN:
            # It is closing, or failed.
            super().data_received(data)
            return
        self._pause(len(data))
        if self._missing:
            part, data = data[: self._missing], data[self._missing :]
            self._missing -= len(part)
            super().data_received(part)
        if data:
            self._read_frames(data)

    def eof_received(self) -> None:
        if self._header:
            header, self._header = self._header, b""
            super().data_received(header)
        super().eof_received()

    def _read_frames(self, data: bytes) -> None:
        """Take or pass on the frames of `data`, of which the first begins at its start."""
        at, size, max_size = 0, len(data), self.protocol.max_message_size or 0
        is_taking, messages = self._is_taking(), list[bytes]()
        while at < size:
            kind, length = data[at], data[at + 1] if at + 1 < size else _EIGHT_BYTES
            start, is_masked = at + 2, length >= _MASK_BIT
            if length >= _TWO_BYTES and not is_masked:
                start += 2 if length == _TWO_BYTES else 8
                if start > size:
                    self._header = data[at:]
                    break
                length = int.from_bytes(data[at + 2 : start])
            end = start + length
            is_message = kind in _MESSAGES and not is_masked
            if is_taking and is_message and end <= size and length <= max_size:
                messages.append(data[start:end])
            else:
                if messages:
                    self._deliver(messages)
                    messages = []
                super().data_received(data[at:end])
                if self.protocol.state is not State.OPEN:
                    if end < size:
                        super().data_received(data[end:])
                    return
                self._missing = max(0, end - size)
                is_taking = self._is_taking()
            at = end
        if messages:
            self._deliver(messages)

    def _is_taking(self) -> bool:
        """Return whether the next message would be the next one that `recv` returns, and is awaited."""
        return (
            self._on_messages is not None
            and not self.recv_messages.frames.queue
            and self.protocol.current_size is None
            and self.protocol.state is State.OPEN
        )

    def _deliver(self, messages: Sequence[bytes]) -> None:
        assert self._on_messages is not None
        try:
            self._on_messages(messages)
        except Exception as exc:  # noqa: BLE001  # raised again by the reading task
            self._on_messages, self._failure = None, exc
            waiter = self.recv_messages.frames.get_waiter
            if waiter is not None and not waiter.done():
                waiter.set_exception(exc)

    def _pass_response(self, data: bytes) -> bytes:
        """Let the library read the head of the handshake's response. Returns what is behind it."""
        assert self._response_end is not None
        seen = self._response_end + data
        end = seen.find(_END_OF_HEAD)
        if end < 0:
            self._response_end = seen[1 - len(_END_OF_HEAD) :]
            super().data_received(data)
            return b""
        length = end + len(_END_OF_HEAD) - len(self._response_end)
        self._response_end = None
        super().data_received(data[:length])
        return data[length:]

    def _pause(self, size: int) -> None:
        """Let others take their turn after much data, or wait for more after parts in short order."""
        now = self.loop.time()
        read_at, self._read_at = self._read_at, now
        if size >= _BACKLOG_BYTES:
            self.transport.pause_reading()
            self.loop.call_soon(self._resume)
        elif self._on_messages is not None and now - read_at < 2 * READ_INTERVAL_S:
            self.transport.pause_reading()
            self.loop.call_later(READ_INTERVAL_S, self._resume)

    def _resume(self) -> None:
        if not self.recv_messages.paused and not self.transport.is_closing():
            self.transport.resume_reading()
