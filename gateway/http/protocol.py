"""The fast path of known requests.

A request that is whole when it arrives and has been read before is answered in the same step, without a task and messages of its
own; what `RequestCache` does not know takes the ASGI path.
"""

from typing import Self

import structlog

from gateway.http.bounded_protocol import BoundedHttpProtocol
from gateway.http.request_cache import METHODS, PATH, KnownRequest, RequestCache

# Shorter answers are copied into one piece: that costs less than to hand over several.
MAX_COPIED_BYTES = 16_384

log = structlog.get_logger("ratewire.gateway.http")


class GatewayHttpProtocol(BoundedHttpProtocol):
    """Answers what `direct` knows itself."""

    direct: RequestCache | None = None
    _answered_at = 0.0
    # The body of the message that is being read, while it may be answered on the fast path.
    _held: list[bytes] | None = None
    # Of the bytes that are being read: how many messages began in them, and what the last of them was, if it was answered.
    _begun = 0
    _shortcut: KnownRequest | None = None

    @classmethod
    def configured(
        cls, *, head_timeout_s: float, stall_timeout_s: float, direct: RequestCache | None
    ) -> type[Self]:
        """The protocol with these; uvicorn passes it no settings of ours."""
        named = {"head_timeout_s": head_timeout_s, "stall_timeout_s": stall_timeout_s, "direct": direct}
        return type(cls.__name__, (cls,), named)

    def data_received(self, data: bytes) -> None:
        self._begun, self._shortcut = 0, None
        begins_here = not self._is_reading and self._is_free()
        if begins_here and self.direct is not None:
            shortcut = self.direct.find_raw(data)
            if shortcut is not None and self._answer(shortcut):
                self._stop_waiting()
                return
        super().data_received(data)
        if begins_here:
            self._remember(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1

    def on_headers_complete(self) -> None:
        if self._may_be_short():
            self._stop_waiting()
            self._is_in_head = False
            self._held = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        if self._held is not None and self._answer_held(self._held):
            self._held = None
            self._is_reading = False
            return
        self._release()
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close, unless it was answered on the fast path meanwhile: that does not set the timer anew each time."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._set_keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def _feed(self, data: bytes) -> None:
        super()._feed(data)
        # The rest of the message is still on its way: to be waited for as uvicorn does.
        self._release()

    def _remember(self, data: bytes) -> None:
        """Know it by its bytes from now on, if it was one known request and nothing else."""
        if self.direct is not None and self._shortcut is not None and self._begun == 1:
            self.direct.keep(data, self._shortcut)

    def _may_be_short(self) -> bool:
        """One for each arrival of bytes: a client that sends a hundred at once shall not keep all others waiting."""
        return (
            self.direct is not None
            and self._shortcut is None
            and self._is_free()
            and self.url.startswith(PATH)
            and self.parser.get_method() in METHODS
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _answer_held(self, held: list[bytes]) -> bool:
        assert self.direct is not None
        body = b"".join(held)
        shortcut = self.direct.read(self.parser.get_method(), self.url, self.headers, body)
        if shortcut is None or not self._answer(shortcut):
            return False
        self._shortcut = shortcut
        return True

    def _answer(self, shortcut: KnownRequest) -> bool:
        assert self.direct is not None
        try:
            pieces = self.direct.write(shortcut, self.server_state.default_headers)
        except Exception:
            # Outermost, as nobody above could answer: the ASGI path does, with the error that the client may see.
            log.exception("short way failed")
            return False
        if pieces is None:
            return False
        if sum(map(len, pieces)) <= MAX_COPIED_BYTES:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._set_keep_alive(self.timeout_keep_alive)
        return True

    def _release(self) -> None:
        """Pass what was held on to the ASGI path."""
        held, self._held = self._held, None
        if held is None or self.transport.is_closing():
            return
        super().on_headers_complete()
        for each in held:
            super().on_body(each)
