"""The fast path of known requests.

A request that arrives complete and was handled before is answered immediately, without a task and without ASGI messages. A
request that `RequestCache` does not know takes the ASGI path.
"""

import structlog

from gateway.credentials import CREDENTIAL_HEADERS
from gateway.http.request_cache import KnownRequest, RequestCache
from gateway.http.request_head import find_head_error
from gateway.http.request_refusals import Refusal
from gateway.http.request_scanner import RELEVANT, VERSION, WholeRequest
from gateway.http.request_target import METHODS, PATH
from gateway.http.stall_limit import StallLimitedProtocol

log = structlog.get_logger("ratewire.gateway.http")


class AnsweringProtocol(StallLimitedProtocol):
    """Answers requests that `request_cache` knows."""

    request_cache: RequestCache | None = None
    # Whether the fast path has looked at a request in the bytes being parsed.
    _has_tried = False
    # No further request is awaited after the next response.
    _is_last_response = False
    _answered_at = 0.0
    # Whether nothing is read for a while, because a request was refused.
    _is_pausing = False

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless the fast path used it since: it does not reset the timer."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._set_keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def close_after_response(self) -> None:
        """Close the connection after the last request received so far; if idle, after the next."""
        if not self._is_last_response:
            self._is_last_response = True
            newest = self.pipeline[0][0] if self.pipeline else self.cycle
            if newest is not None and not newest.response_complete:
                newest.keep_alive = False

    def _may_answer(self) -> bool:
        """Tell whether all requests are answered and the client reads the responses."""
        is_idle = self.cycle is None or self.cycle.response_complete
        return is_idle and not self.flow.write_paused and not self.transport.is_closing()

    def _answer_whole(self, data: bytes) -> bool:
        """Answer the request in `data`, if it is one known request and nothing else."""
        assert self.request_cache is not None
        known_request = self.request_cache.find_raw(data)
        is_new_head = known_request is None
        if known_request is None:
            request = self.request_cache.read_whole(data)
            if request is None:
                return False
            known_request = self.request_cache.find(request)
            if known_request is None:
                self._has_tried = True
                return self._refuse_unread(request)
        # What cannot be answered now is not tried again.
        self._has_tried = True
        if not self._answer(known_request):
            return False
        if is_new_head:
            self.request_cache.remember(data, known_request)
        return True

    def _may_take_fast_path(self) -> bool:
        """Tell whether the request may take the fast path.

        Only one request per received chunk may: a client with a hundred pipelined requests must not delay the others.
        """
        return (
            self.request_cache is not None
            and not self._is_last_response
            and not self._has_tried
            and self._may_answer()
            and self.url.startswith(PATH)
            and self.parser.get_method() in METHODS
            and self.parser.get_http_version() == VERSION
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and find_head_error(VERSION, self.headers) is None
        )

    def _answer_held_chunks(self, chunks: list[bytes]) -> bool:
        assert self.request_cache is not None
        body = b"".join(chunks)
        headers = tuple([each for each in self.headers if each[0] in RELEVANT])
        credentials = tuple([each for each in self.headers if each[0] in CREDENTIAL_HEADERS])
        request = WholeRequest(self.parser.get_method(), self.url, headers, body, credentials)
        known_request = self.request_cache.find(request)
        self._has_tried = known_request is not None
        return known_request is not None and self._answer(known_request)

    def _answer(self, known_request: KnownRequest) -> bool:
        assert self.request_cache is not None
        try:
            chunks = self.request_cache.respond(known_request, self.server_state.default_headers, self.client)
        except Exception:
            # Outermost handler: the ASGI path answers instead, with the error for the client.
            log.exception("short way failed")
            return False
        return chunks is not None and self._write_response(chunks)

    def _refuse_unread(self, request: WholeRequest) -> bool:
        """Refuse a request that is not known, if its client has hardly a point left."""
        assert self.request_cache is not None
        refusals, headers = self.request_cache.refusals, self.server_state.default_headers
        refusal = refusals.refuse_unread(request, headers, self.client)
        return refusal is not None and self._write_response(refusal)

    def _write_response(self, chunks: list[bytes]) -> bool:
        if len(chunks) == 1:
            self.transport.write(chunks[0])
        else:
            self.transport.writelines(chunks)
            if isinstance(chunks, Refusal) and chunks.pause_s:
                self._is_pausing = True
                self.flow.pause_reading()
                self.loop.call_later(chunks.pause_s, self._end_pause)
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._set_keep_alive(self.timeout_keep_alive)
        return True

    def _end_pause(self) -> None:
        self._is_pausing = False
        self.flow.resume_reading()
