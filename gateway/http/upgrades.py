"""Upgrades of an HTTP connection to a WebSocket, and requests that offer other protocols."""

import httptools

from gateway.http.answering_protocol import AnsweringProtocol
from gateway.http.request_body import HttpError
from gateway.http.request_head import OLD_VERSION, encode_without_upgrade


class UpgradableProtocol(AnsweringProtocol):
    """Becomes a WebSocket for a handshake that is in order."""

    # Why the request is refused by its head.
    _head_error: HttpError | None = None
    # Whether the request is the handshake of a WebSocket.
    _is_handshake = False
    # The parser stops at a head with `Upgrade`: without it, the request is parsed again.
    _is_upgrade_ignored = False

    def handle_websocket_upgrade(self) -> None:
        """Upgrade only an idle connection: frames would be written into the middle of a response."""
        if self._may_answer():
            self.connections.discard(self)
            if not self._open_plain_websocket():
                super().handle_websocket_upgrade()
            # As at the end of a connection: each refers to the other.
            self.parser = None  # type: ignore[assignment]
        else:
            self._close()

    def _open_plain_websocket(self) -> bool:
        """Pass the parsed head on, instead of its bytes. Return whether the WebSocket takes it."""
        open_plain = getattr(self.ws_protocol_class, "open_plain", None)
        return open_plain is not None and open_plain(
            self.config,
            self.server_state,
            self.app_state,
            transport=self.transport,
            target=self.url,
            headers=self.headers,
            addresses=(self.server, self.client, "wss" if self.scheme == "https" else "ws"),
        )

    def _asks_for_websocket(self) -> bool:
        """Tell whether the request offers only this protocol, in the only form that starts it."""
        return (
            super()._should_upgrade()
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() != OLD_VERSION
        )

    def _should_upgrade(self) -> bool:
        return self._head_error is None and self._is_handshake

    def _restart_without_upgrade(self) -> bytes:
        """Return the head without its offer of another protocol, for a new parser.

        Link: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
        """
        self._is_upgrade_ignored = False
        head = encode_without_upgrade(
            self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers
        )
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head
