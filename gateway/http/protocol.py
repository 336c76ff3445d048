"""The HTTP protocol of the gateway: uvicorn's, with limits on memory and time.

The limits hold for any application: endless heads and trailers, many pipelined requests, clients that send half a request or do
not read responses.
"""

import asyncio
from functools import partial
from typing import Any, Self

import httptools
from uvicorn.protocols.http.flow_control import FlowControl

from gateway.http.request_cache import RequestCache
from gateway.http.request_head import OLD_VERSION, find_handshake_error, find_head_error
from gateway.http.request_scanner import find_end
from gateway.http.response import refuse
from gateway.http.response_cycle import OldVersionCycle
from gateway.http.stream import ABORT
from gateway.http.upgrades import UpgradableProtocol
from gateway.pages import SecurityHeaders
from gateway.units import KIB

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
# httptools limits a request target to 64 KiB.
MAX_HEAD_BYTES = 128 * KIB
# Bytes parsed at once. The smallest request has 18 bytes, and costs 15 µs and 2 KB until it is answered.
PARSE_BYTES = 4 * KIB

CONNECT = b"CONNECT"


class _ReadFlowControl(FlowControl):
    """Keeps reading paused while received bytes wait to be parsed."""

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class GatewayHttpProtocol(UpgradableProtocol):
    """Parses requests, and limits what a connection buffers.

    Puts `ABORT` into the scope's extensions.
    """

    head_timeout_s = 10.0
    flow: _ReadFlowControl
    # Limits the time of a head, or of the rest of a request that is answered already.
    _head_timer: asyncio.TimerHandle | None = None
    _is_in_message = False
    _is_in_head = False
    # Consecutive bytes that belong to no body.
    _bytes_outside_body = 0
    # Bytes received after requests that wait for their turn.
    _unread = b""
    # The body received so far, while the request may be answered on the fast path.
    _held_chunks: list[bytes] | None = None

    @classmethod
    def configured(
        cls, *, head_timeout_s: float, stall_timeout_s: float, request_cache: RequestCache | None
    ) -> type[Self]:
        """Return the protocol class with these settings, because uvicorn passes only its own."""
        settings = {
            "head_timeout_s": head_timeout_s,
            "stall_timeout_s": stall_timeout_s,
            "request_cache": request_cache,
        }
        return type(cls.__name__, (cls,), settings)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = _ReadFlowControl(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._unread = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._has_tried = False
        cycle = self.cycle
        if (
            self._is_in_message
            or self._unread
            or self._is_last_response
            or self.request_cache is None
            # As in `_may_answer`, in no call: it is on the way of every known request.
            or (cycle is not None and not cycle.response_complete)
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            self._receive(data)
        elif self._answer_whole(data):
            if self._head_timer is not None:
                self._stop_head_timer()
        elif self._has_tried or (end := find_end(data)) is None:
            self._receive(data)
        else:
            self._answer_first(data, end)

    def _answer_first(self, data: bytes, end: int) -> None:
        """Answer the first of several requests in `data`, or pass it on; the others follow."""
        first = data[:end]
        if self._answer_whole(first):
            self._stop_head_timer()
            self._hold(data[end:])
            if not self._is_pausing:
                self.loop.call_soon(self._resume_parsing)
        elif self._has_tried:
            # The rest follows once it is answered.
            self._receive(first)
            self._hold(data[end:])
        else:
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        """Parse bytes that the fast path does not answer."""
        was_in_head = self._is_in_head
        self._parse(data)
        if self._held_chunks is not None:
            # The rest of the message is still on its way: uvicorn waits for it.
            self._continue_on_asgi_path()
        if not self._is_finished():
            self._update_timers(was_in_head=was_in_head)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]  # ours, not ASGI's
        self._is_in_message = self._is_in_head = True
        self._bytes_outside_body = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # Fields behind the body would be taken for some of the head [RFC 9110, 6.5.1].
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        self._is_in_head = False
        if not self._has_tried and self._may_take_fast_path():
            self._held_chunks = []
        else:
            self._start_request()

    def _start_request(self) -> None:
        version = self.parser.get_http_version()
        self._head_error = find_head_error(version, self.headers)
        self._is_handshake = False
        if self.parser.should_upgrade() and self.parser.get_method() != CONNECT:
            if self._asks_for_websocket():
                self._is_handshake = True
                self._head_error = self._head_error or find_handshake_error(self.headers)
            elif self._head_error is None:
                self._is_upgrade_ignored = True
                return
        self._start_cycle(version)

    def _start_cycle(self, version: str) -> None:
        app: Any = self.app
        if self._head_error is not None:
            self.app = SecurityHeaders(partial(refuse, self._head_error))
        try:
            super().on_headers_complete()
        finally:
            self.app = app
        cycle = self.cycle
        if self._is_last_response:
            cycle.keep_alive = False
        if version == OLD_VERSION:
            cycle.__class__ = OldVersionCycle
            # Such a client does not expect a response before the response.
            cycle.waiting_for_100_continue = False

    def on_body(self, body: bytes) -> None:
        if self._held_chunks is None:
            self._bytes_outside_body = 0
            super().on_body(body)
        else:
            self._held_chunks.append(body)

    def on_message_complete(self) -> None:
        if self._held_chunks is not None:
            if self.parser.should_keep_alive() and self._answer_held_chunks(self._held_chunks):
                self._held_chunks = None
                self._is_in_message = False
                return
            self._continue_on_asgi_path()
        self._stop_head_timer()
        self._is_in_message = False
        if not self._is_upgrade_ignored:
            if self.cycle is not None and not self.parser.should_keep_alive():
                # The parser ignores what follows a `Connection: close`, also one behind the body.
                self.cycle.keep_alive = False
            super().on_message_complete()

    def _continue_on_asgi_path(self) -> None:
        """Pass the held request on to the ASGI path."""
        chunks, self._held_chunks = self._held_chunks, None
        if chunks is None or self.transport.is_closing():
            return
        self._start_request()
        for each in chunks:
            self._bytes_outside_body = 0
            super().on_body(each)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_if_closing()
        if self._unread and not self.pipeline:
            self.loop.call_soon(self._resume_parsing)

    def _parse(self, data: bytes) -> None:
        """Parse until requests queue up; then keep the rest as bytes, and stop reading."""
        for start in range(0, len(data), PARSE_BYTES):
            if self.pipeline or self._unread:
                self._hold(data[start:])
                return
            chunk = data[start : start + PARSE_BYTES]
            self._bytes_outside_body += len(chunk)
            self._feed(chunk)
            if self._is_finished():
                return
            if self._bytes_outside_body > MAX_HEAD_BYTES:
                self._reject(TOO_LARGE)
                return

    def _hold(self, data: bytes) -> None:
        """Keep bytes that are parsed later, and stop reading."""
        self._unread += data
        self.flow.is_held = True
        self.flow.pause_reading()

    def _feed(self, data: bytes) -> None:
        """Parse bytes as uvicorn does, but go on with a request that offers another protocol."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            if self._is_upgrade_ignored:
                self._feed(self._restart_without_upgrade())
                # The head was within its bound before.
                self._bytes_outside_body = 0
                rest = data[exc.args[0] :]
                if rest and not self._is_finished():
                    self._feed(rest)
            elif self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _resume_parsing(self) -> None:
        unread, self._unread = self._unread, b""
        self.flow.is_held = False
        if unread and not self._is_finished():
            self.flow.resume_reading()
            self.data_received(unread)

    def _end_pause(self) -> None:
        super()._end_pause()
        if self._unread:
            self._resume_parsing()

    def _is_finished(self) -> bool:
        """Tell whether no further request can come: closing, or upgraded to a WebSocket."""
        return self.transport.is_closing() or self not in self.connections

    def _update_timers(self, *, was_in_head: bool) -> None:
        if self._unread or self.pipeline:
            # The client may have sent everything: reading is paused on this side.
            self._stop_head_timer()
        elif self._is_in_head:
            if self._head_timer is None or not was_in_head:
                self._start_head_timer()
        elif self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            # Uvicorn stops its timer at any byte, even a stray one or one of an ignored body.
            if self._is_in_message:
                self._start_head_timer()
            elif self.timeout_keep_alive_task is None:
                self._set_keep_alive(self.timeout_keep_alive)

    def _start_head_timer(self) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._reject, TOO_SLOW)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _reject(self, answer: bytes) -> None:
        # Not in the middle of the response to an earlier request, nor a second response to the same one.
        if self._may_answer() and (self._is_in_head or not self._is_in_message):
            self.transport.write(answer)
        self._close()
