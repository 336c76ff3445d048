"""Uvicorn's HTTP, with bounds on what a connection may make it hold, and an end to connections that it would hold for ever.

A head or trailer without end, a hundred requests at once, a client that sends half a request or reads no answer: each has its
limit here, whatever answers.
"""

import asyncio

import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.stream import ABORT
from gateway.units import KIB

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
# An address has at most 64 KiB, which is what httptools parses.
MAX_HEAD_BYTES = 128 * KIB
# What is parsed in one go. The smallest request has 18 bytes, and costs 15 µs and 2 KB until it is answered.
PORTION_BYTES = 4 * KIB

log = structlog.get_logger("ratewire.gateway.http")


class _Flow(FlowControl):
    """Reads no further while something that has been read waits."""

    is_full = False

    def resume_reading(self) -> None:
        if not self.is_full:
            super().resume_reading()


class BoundedHttpProtocol(HttpToolsProtocol):
    """Puts `ABORT` into the scope's extensions, and bounds what the kernel keeps unsent."""

    head_timeout_s = 10.0
    stall_timeout_s = 60.0
    flow: _Flow
    # Until a head is there, or the rest of a request that has its answer already.
    _waiting: asyncio.TimerHandle | None = None
    _is_reading = False
    _is_in_head = False
    # Bytes in a row that belong to no body.
    _loose_bytes = 0
    # What came behind requests that wait for their turn.
    _unread = b""
    # Until a client that takes nothing is cut, and how many bytes waited for it when it was last looked at.
    _stalling: asyncio.TimerHandle | None = None
    _unsent_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_watching()
        self._unread = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        self._feed(data)
        if not self._is_over():
            self._keep_time(was_in_head=was_in_head)

    def eof_received(self) -> None:
        # Nothing more can be asked; the transport closes as soon as everything is sent.
        self._watch_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()
        self._see_out()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]  # ours, not ASGI's
        self._is_reading = self._is_in_head = True
        self._loose_bytes = 0

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._is_in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._is_reading = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._see_out()
        if self._unread and not self.pipeline:
            self.loop.call_soon(self._read_on)

    def handle_websocket_upgrade(self) -> None:
        """Only of a connection on which nothing is on its way: the socket would write into the middle of it, past the client."""
        if self._is_free():
            super().handle_websocket_upgrade()
        else:
            self._close()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._see_out()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._see_out()

    def _feed(self, data: bytes) -> None:
        """Have it parsed, as far as there is no queue: pipelined requests wait as bytes, and the client with what it has to say."""
        for start in range(0, len(data), PORTION_BYTES):
            if self.pipeline or self._unread:
                self._unread += data[start:]
                self.flow.is_full = True
                self.flow.pause_reading()
                return
            portion = data[start : start + PORTION_BYTES]
            self._loose_bytes += len(portion)
            super().data_received(portion)
            if self._is_over():
                return
            if self._loose_bytes > MAX_HEAD_BYTES:
                self._refuse(TOO_LARGE)
                return

    def _read_on(self) -> None:
        unread, self._unread = self._unread, b""
        self.flow.is_full = False
        if unread and not self._is_over():
            self.flow.resume_reading()
            self.data_received(unread)

    def _is_over(self) -> bool:
        """Whether nothing more can be asked: it ends, or has become a WebSocket."""
        return self.transport.is_closing() or self not in self.connections

    def _is_free(self) -> bool:
        """Whether everything that was asked before has been answered, and the client takes what it is sent."""
        return self._is_answered() and not self.flow.write_paused and not self.transport.is_closing()

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _keep_time(self, *, was_in_head: bool) -> None:
        if self._unread or self.pipeline:
            # The client may have done its part: it is we who read no further.
            self._stop_waiting()
        elif self._is_in_head:
            if self._waiting is None or not was_in_head:
                self._wait()
        elif self._waiting is None and self._is_answered():
            # Uvicorn stops its clock at any byte, be it a stray one or one of a body that nobody wants.
            if self._is_reading:
                self._wait()
            elif self.timeout_keep_alive_task is None:
                self._set_keep_alive(self.timeout_keep_alive)

    def _set_keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(self.head_timeout_s, self._refuse, TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self, answer: bytes) -> None:
        # Not into the middle of an answer to an earlier request, nor a second one to the same.
        if self._is_free() and (self._is_in_head or not self._is_reading):
            self.transport.write(answer)
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._see_out()

    def _see_out(self) -> None:
        """A transport that closes would wait for ever for a client that does not take the rest."""
        if self.transport.is_closing():
            self._watch_reader()

    def _watch_reader(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._stalling is None:
            self._unsent_bytes = unsent
            self._stalling = self.loop.call_later(self.stall_timeout_s, self._look_at_reader)

    def _stop_watching(self) -> None:
        if self._stalling is not None:
            self._stalling.cancel()
            self._stalling = None

    def _look_at_reader(self) -> None:
        self._stalling = None
        if self.transport.get_write_buffer_size() < self._unsent_bytes:
            self._watch_reader()
            return
        log.info("connection cut: its client reads nothing", seconds=self.stall_timeout_s)
        self.transport.abort()
