"""The fast path of known requests.

A request that is whole when it arrives and has been read before is answered in the same step, without a task and messages of its
own; what `RequestCache` does not know takes the ASGI path.
"""

from typing import Self

import structlog

from gateway.http.bounded_protocol import BoundedHttpProtocol
from gateway.http.request_cache import METHODS, PATH, KnownRequest, RequestCache

# Shorter answers are copied into one piece: that costs less than to hand over several.
MAX_JOINED_BYTES = 16_384

log = structlog.get_logger("ratewire.gateway.http")


class GatewayHttpProtocol(BoundedHttpProtocol):
    """Answers what `request_cache` knows itself."""

    request_cache: RequestCache | None = None
    _answered_at = 0.0
    # The body of the message that is being read, while it may be answered on the fast path.
    _held_chunks: list[bytes] | None = None
    # The last request in the bytes being parsed, if it was answered on the fast path.
    _known_request: KnownRequest | None = None

    @classmethod
    def configured(
        cls, *, head_timeout_s: float, stall_timeout_s: float, request_cache: RequestCache | None
    ) -> type[Self]:
        """The protocol with these; uvicorn passes it no settings of ours."""
        settings = {
            "head_timeout_s": head_timeout_s,
            "stall_timeout_s": stall_timeout_s,
            "request_cache": request_cache,
        }
        return type(cls.__name__, (cls,), settings)

    def data_received(self, data: bytes) -> None:
        self._messages_begun = 0
        self._known_request = None
        is_between_requests = not self._is_in_message and self._may_answer()
        if is_between_requests and self.request_cache is not None:
            known_request = self.request_cache.find_raw(data)
            if known_request is not None and self._answer(known_request):
                self._stop_head_timer()
                return
        super().data_received(data)
        if is_between_requests:
            self._remember_request(data)

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
        if self._held_chunks is not None and self._answer_held_chunks(self._held_chunks):
            self._held_chunks = None
            self._is_in_message = False
            return
        self._continue_on_asgi_path()
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close, unless it was answered on the fast path meanwhile: that does not set the timer anew each time."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._set_keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def _parse(self, data: bytes) -> None:
        super()._parse(data)
        # The rest of the message is still on its way: to be waited for as uvicorn does.
        self._continue_on_asgi_path()

    def _remember_request(self, data: bytes) -> None:
        """Know it by its bytes from now on, if it was one known request and nothing else."""
        if self.request_cache is not None and self._known_request is not None and self._messages_begun == 1:
            self.request_cache.remember(data, self._known_request)

    def _may_take_fast_path(self) -> bool:
        """One for each arrival of bytes: a client that sends a hundred at once shall not keep all others waiting."""
        return (
            self.request_cache is not None
            and self._known_request is None
            and self._may_answer()
            and self.url.startswith(PATH)
            and self.parser.get_method() in METHODS
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _answer_held_chunks(self, chunks: list[bytes]) -> bool:
        assert self.request_cache is not None
        body = b"".join(chunks)
        known_request = self.request_cache.find(self.parser.get_method(), self.url, self.headers, body)
        if known_request is None or not self._answer(known_request):
            return False
        self._known_request = known_request
        return True

    def _answer(self, known_request: KnownRequest) -> bool:
        assert self.request_cache is not None
        try:
            chunks = self.request_cache.respond(known_request, self.server_state.default_headers)
        except Exception:
            # Outermost, as nobody above could answer: the ASGI path does, with the error that the client may see.
            log.exception("short way failed")
            return False
        if chunks is None:
            return False
        if sum(map(len, chunks)) <= MAX_JOINED_BYTES:
            self.transport.write(b"".join(chunks))
        else:
            self.transport.writelines(chunks)
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._set_keep_alive(self.timeout_keep_alive)
        return True

    def _continue_on_asgi_path(self) -> None:
        """Pass what was held on to the ASGI path."""
        chunks, self._held_chunks = self._held_chunks, None
        if chunks is None or self.transport.is_closing():
            return
        super().on_headers_complete()
        for each in chunks:
            super().on_body(each)
