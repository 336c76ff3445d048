"""Uvicorn's HTTP protocol with limits on memory and time per connection.

The limits hold for any application: endless heads and trailers, many pipelined requests, clients that send half a request or do
not read responses.
"""

import asyncio
from functools import partial
from typing import Any

import httptools
import structlog
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.request_body import HttpError
from gateway.http.request_head import (
    OLD_VERSION,
    encode_without_upgrade,
    find_handshake_error,
    find_head_error,
)
from gateway.http.response import refuse
from gateway.http.response_cycle import OldVersionCycle
from gateway.http.stream import ABORT
from gateway.pages import SecurityHeaders
from gateway.units import KIB

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
# httptools limits a request target to 64 KiB.
MAX_HEAD_BYTES = 128 * KIB
# Bytes parsed at once. The smallest request has 18 bytes, and costs 15 µs and 2 KB until it is answered.
PARSE_BYTES = 4 * KIB

CONNECT = b"CONNECT"

log = structlog.get_logger("ratewire.gateway.http")


class _ReadFlowControl(FlowControl):
    """Keeps reading paused while received bytes wait to be parsed."""

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class BoundedHttpProtocol(HttpToolsProtocol):
    """Puts `ABORT` into the scope's extensions, and limits what a connection buffers."""

    head_timeout_s = 10.0
    stall_timeout_s = 60.0
    flow: _ReadFlowControl
    # Limits the time of a head, or of the rest of a request that is answered already.
    _head_timer: asyncio.TimerHandle | None = None
    _is_in_message = False
    _is_in_head = False
    # Consecutive bytes that belong to no body.
    _bytes_outside_body = 0
    # Bytes received after requests that wait for their turn.
    _unread = b""
    # No further request is awaited after the next response.
    _is_last_response = False
    # Aborts a connection whose client does not read; the bytes it had not read at the last check.
    _stall_timer: asyncio.TimerHandle | None = None
    _unsent_bytes = 0
    # Why the request is refused by its head.
    _head_error: HttpError | None = None
    # The parser stops at a head with `Upgrade`: without it, the request is parsed again.
    _is_upgrade_ignored = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = _ReadFlowControl(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_stall_timer()
        self._unread = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        self._parse(data)
        if not self._is_finished():
            self._update_timers(was_in_head=was_in_head)

    def eof_received(self) -> None:
        # No further request can come. The transport closes once everything is sent.
        self._start_stall_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_stall_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_stall_timer()
        self._watch_if_closing()

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
        version = self.parser.get_http_version()
        self._head_error = find_head_error(version, self.headers)
        if self.parser.should_upgrade() and self.parser.get_method() != CONNECT:
            if self._asks_for_websocket():
                self._head_error = self._head_error or find_handshake_error(self.headers)
            elif self._head_error is None:
                self._is_upgrade_ignored = True
                return
        self._start_cycle(version)

    def _start_cycle(self, version: str) -> None:
        app: Any = self.app
        if self._head_error is not None:
            self.app = _refusing(self._head_error)
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
        self._bytes_outside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_head_timer()
        self._is_in_message = False
        if not self._is_upgrade_ignored:
            if self.cycle is not None and not self.parser.should_keep_alive():
                # The parser ignores what follows a `Connection: close`, also one behind the body.
                self.cycle.keep_alive = False
            super().on_message_complete()

    def _asks_for_websocket(self) -> bool:
        """Tell whether the request offers only this protocol, in the only form that starts it."""
        return (
            super()._should_upgrade()
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() != OLD_VERSION
        )

    def _should_upgrade(self) -> bool:
        return self._head_error is None and self._asks_for_websocket()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_if_closing()
        if self._unread and not self.pipeline:
            self.loop.call_soon(self._resume_parsing)

    def handle_websocket_upgrade(self) -> None:
        """Upgrade only an idle connection: frames would be written into the middle of a response."""
        if self._may_answer():
            super().handle_websocket_upgrade()
            # As at the end of a connection: each refers to the other.
            self.parser = None  # type: ignore[assignment]
        else:
            self._close()

    def close_after_response(self) -> None:
        """Close the connection after the last request received so far; if idle, after the next."""
        if not self._is_last_response:
            self._is_last_response = True
            newest = self.pipeline[0][0] if self.pipeline else self.cycle
            if newest is not None and not newest.response_complete:
                newest.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._watch_if_closing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_if_closing()

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
                self._is_upgrade_ignored = False
                self._parse_without_upgrade(data[exc.args[0] :])
            elif self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Parse the request again as one that offers no other protocol [RFC 9110, 7.8]."""
        head = encode_without_upgrade(
            self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers
        )
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._feed(head)
        # The head was within its bound before.
        self._bytes_outside_body = 0
        if rest and not self._is_finished():
            self._feed(rest)

    def _resume_parsing(self) -> None:
        unread, self._unread = self._unread, b""
        self.flow.is_held = False
        if unread and not self._is_finished():
            self.flow.resume_reading()
            self.data_received(unread)

    def _is_finished(self) -> bool:
        """Tell whether no further request can come: closing, or upgraded to a WebSocket."""
        return self.transport.is_closing() or self not in self.connections

    def _may_answer(self) -> bool:
        """Tell whether all requests are answered and the client reads the responses."""
        return self._is_idle() and not self.flow.write_paused and not self.transport.is_closing()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _update_timers(self, *, was_in_head: bool) -> None:
        if self._unread or self.pipeline:
            # The client may have sent everything: reading is paused on this side.
            self._stop_head_timer()
        elif self._is_in_head:
            if self._head_timer is None or not was_in_head:
                self._start_head_timer()
        elif self._head_timer is None and self._is_idle():
            # Uvicorn stops its timer at any byte, even a stray one or one of an ignored body.
            if self._is_in_message:
                self._start_head_timer()
            elif self.timeout_keep_alive_task is None:
                self._set_keep_alive(self.timeout_keep_alive)

    def _set_keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

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

    def _close(self) -> None:
        self.transport.close()
        self._watch_if_closing()

    def _watch_if_closing(self) -> None:
        """Limit the time of a closing transport, which waits for its client without limit."""
        if self.transport.is_closing():
            self._start_stall_timer()

    def _start_stall_timer(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._stall_timer is None:
            self._unsent_bytes = unsent
            self._stall_timer = self.loop.call_later(self.stall_timeout_s, self._check_stall)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _check_stall(self) -> None:
        self._stall_timer = None
        if self.transport.get_write_buffer_size() < self._unsent_bytes:
            self._start_stall_timer()
            return
        log.info("connection cut: its client reads nothing", seconds=self.stall_timeout_s)
        self.transport.abort()


def _refusing(error: HttpError) -> ASGIApp:
    """Return an application that answers with `error`."""
    return SecurityHeaders(partial(refuse, error))
