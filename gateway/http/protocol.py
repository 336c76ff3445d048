"""The fast path of known requests.

A request that arrives complete and was handled before is answered immediately, without a task and without ASGI messages. A
request that `RequestCache` does not know takes the ASGI path.
"""

from typing import Self

import structlog

from gateway.credentials import CREDENTIAL_HEADERS
from gateway.http.bounded_protocol import BoundedHttpProtocol
from gateway.http.request_cache import METHODS, PATH, KnownRequest, RequestCache
from gateway.http.request_head import find_head_error
from gateway.http.request_scanner import RELEVANT, VERSION, WholeRequest, find_end
from gateway.http.response_heads import REFUSED

log = structlog.get_logger("ratewire.gateway.http")


class GatewayHttpProtocol(BoundedHttpProtocol):
    """Answers requests that `request_cache` knows."""

    request_cache: RequestCache | None = None
    _answered_at = 0.0
    # The body received so far, while the request may be answered on the fast path.
    _held_chunks: list[bytes] | None = None
    # Whether nothing is read for a while, because a request was refused.
    _is_pausing = False
    # Whether the fast path has looked at a request in the bytes being parsed.
    _has_tried = False

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

    def data_received(self, data: bytes) -> None:
        self._has_tried = False
        is_between_requests = (
            not self._is_in_message and not self._unread and self._may_answer() and not self._is_last_response
        )
        if not (is_between_requests and self.request_cache is not None):
            super().data_received(data)
        elif self._answer_whole(data):
            if self._head_timer is not None:
                self._stop_head_timer()
        elif self._has_tried or (end := find_end(data)) is None:
            super().data_received(data)
        else:
            self._answer_first(data, end)

    def on_headers_complete(self) -> None:
        if self._may_take_fast_path():
            self._stop_head_timer()
            self._is_in_head = False
            self._held_chunks = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._held_chunks is None:
            super().on_body(body)
        else:
            self._held_chunks.append(body)

    def on_message_complete(self) -> None:
        chunks = self._held_chunks
        if chunks is not None and self.parser.should_keep_alive() and self._answer_held_chunks(chunks):
            self._held_chunks = None
            self._is_in_message = False
            return
        self._continue_on_asgi_path()
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless the fast path used it since: it does not reset the timer."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._set_keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def _parse(self, data: bytes) -> None:
        super()._parse(data)
        # The rest of the message is still on its way: uvicorn waits for it.
        self._continue_on_asgi_path()

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
            super().data_received(first)
            self._hold(data[end:])
        else:
            super().data_received(data)

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
        # What is not known, or cannot be answered now, is not tried again.
        self._has_tried = True
        if known_request is None or not self._answer(known_request):
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
        if chunks is None:
            return False
        if len(chunks) == 1:
            self.transport.write(chunks[0])
        else:
            self.transport.writelines(chunks)
            if chunks[0] is REFUSED:
                self._pause_after_refusal(known_request)
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._set_keep_alive(self.timeout_keep_alive)
        return True

    def _pause_after_refusal(self, known_request: KnownRequest) -> None:
        assert self.request_cache is not None
        pause_s = self.request_cache.take_refusal_pause(known_request, self.client)
        # A proxy has other clients, too.
        if not self.request_cache.is_proxy(self.client):
            self._is_pausing = True
            self.flow.pause_reading()
            self.loop.call_later(pause_s, self._end_pause)

    def _end_pause(self) -> None:
        self._is_pausing = False
        if self._unread:
            self._resume_parsing()
        else:
            self.flow.resume_reading()

    def _continue_on_asgi_path(self) -> None:
        """Pass the held request on to the ASGI path."""
        chunks, self._held_chunks = self._held_chunks, None
        if chunks is None or self.transport.is_closing():
            return
        super().on_headers_complete()
        for each in chunks:
            super().on_body(each)
