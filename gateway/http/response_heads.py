"""The heads of responses to known requests, in the bytes of the ASGI path."""

from collections.abc import Iterable, Mapping

from gateway.http.json_type import JSON_TYPES
from gateway.http.negotiation import MediaType
from gateway.http.response import encode_headers, json_headers
from gateway.pages import Header, add_security_headers

OK = b"HTTP/1.1 200 OK\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\n"


class ResponseHeads:
    """Encodes heads. `server_headers` are uvicorn's headers of every response."""

    def __init__(self) -> None:
        self._parts = {media: _split_head(media) for media in JSON_TYPES}
        self._server_headers: list[Header] = []
        self._server_lines = b""
        # The last head, up to its length: most responses follow one with the same media type, and the same fields.
        self._last_media: MediaType | None = None
        self._last_fields = self._last_start = self._last_end = b""

    def encode_ok(self, media: MediaType, server_headers: list[Header], fields: bytes, length: int) -> bytes:
        """Return the head of an answer of this length; `fields` are further lines."""
        if server_headers is not self._server_headers:
            self._read_server_headers(server_headers)
        if media is not self._last_media or fields is not self._last_fields:
            before, self._last_end = self._parts[media]
            self._last_start = b"%b%b%b%bcontent-length: " % (OK, self._server_lines, before, fields)
            self._last_media, self._last_fields = media, fields
        return b"%b%d%b" % (self._last_start, length, self._last_end)

    def encode(self, status: bytes, server_headers: list[Header], headers: Mapping[str, str]) -> list[bytes]:
        """Return a head in chunks."""
        if server_headers is not self._server_headers:
            self._read_server_headers(server_headers)
        lines = _encode_lines(add_security_headers(encode_headers(headers)))
        return [status, self._server_lines, lines, b"\r\n"]

    def _read_server_headers(self, server_headers: list[Header]) -> None:
        # Uvicorn makes a new list every second.
        self._server_headers, self._server_lines = server_headers, _encode_lines(server_headers)
        self._last_media = None


def _split_head(media: MediaType) -> tuple[bytes, bytes]:
    """Return the header lines before and after `Content-Length`."""
    name = b"content-length: "
    before, _, after = _encode_lines(add_security_headers(encode_headers(json_headers(media, 0)))).partition(
        name + b"0"
    )
    return before, after + b"\r\n"


def _encode_lines(headers: Iterable[Header]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)
