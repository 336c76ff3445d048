"""Uvicorn's HTTP protocol with a limit on the time for which a client does not read."""

import asyncio

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger("ratewire.gateway.http")


class StallLimitedProtocol(HttpToolsProtocol):
    """Aborts a connection whose client has read nothing for `stall_timeout_s`."""

    stall_timeout_s = 60.0
    _stall_timer: asyncio.TimerHandle | None = None
    # The bytes that the client had not read at the last check.
    _unsent_bytes = 0

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_stall_timer()
        super().connection_lost(exc)

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

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._watch_if_closing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_if_closing()

    def _set_keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

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
