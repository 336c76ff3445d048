"""Uvicorn's response to one request, for clients of HTTP/1.0."""

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class OldVersionCycle(RequestResponseCycle):
    """Ends a body of unknown length with the connection: HTTP/1.0 has no chunks [RFC 9112, 6.1].

    Uvicorn closes the connection after every response to such a client.
    """

    _is_unmeasured = False

    async def send(self, message: "ASGISendEvent") -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            if b"content-length" not in names:
                # Neither chunks nor a length are announced.
                self._is_unmeasured, self.chunked_encoding = True, False
        elif self._is_unmeasured and message["type"] == "http.response.body":
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
