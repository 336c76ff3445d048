"""Requests that are whole when they arrive and have been read before: answered at once, with the bytes of the ASGI path.

Everything else - another path, a page from elsewhere, a stream, an error - is left to `gateway.http.endpoint`.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from gateway.cache_limits import (
    MAX_CONTENT_TYPES,
    MAX_PREPARED_REQUESTS,
    MAX_PREPARED_REQUESTS_BYTES,
    MAX_RAW_REQUEST,
    MAX_RAW_REQUESTS,
    MAX_RAW_REQUESTS_BYTES,
)
from gateway.http.cache_headers import make_cache_headers, matches
from gateway.http.negotiation import MediaType, choose, parse_accept, wants_page
from gateway.http.request_body import HttpError, check_type
from gateway.http.response import encode_headers, json_headers
from gateway.lru import BoundedLru
from gateway.operations import OperationKind, Operations, PreparedOperation, QueryResult
from gateway.pages import Header, add_security_headers
from gateway.schema.context import OperationMetadata

PATH = b"/graphql"
METHODS = (b"GET", b"POST")
JSON_TYPES = (MediaType.RESPONSE, MediaType.JSON)
_STATUS = {200: b"HTTP/1.1 200 OK\r\n", 304: b"HTTP/1.1 304 Not Modified\r\n"}

PreparedRequests = BoundedLru[tuple[bool, bytes], PreparedOperation]


class KnownRequest(NamedTuple):
    """A request that has been read. `is_get` is a GET, whose answer may be kept and need not be sent again."""

    prepared: PreparedOperation
    media: MediaType
    is_get: bool
    if_none_match: str | None


class RequestCache:
    """Knows requests by their bytes."""

    def __init__(self, operations: Operations, prepared_requests: PreparedRequests) -> None:
        self._operations = operations
        self._prepared = prepared_requests
        self._known: BoundedLru[bytes, KnownRequest] = BoundedLru(
            size=MAX_RAW_REQUESTS, weight=MAX_RAW_REQUESTS_BYTES, weigh=lambda data, _: len(data)
        )
        self._heads = {media: _split_head(media) for media in JSON_TYPES}
        self._server_headers: list[Header] = []
        self._server_header_lines = b""

    def find_raw(self, data: bytes) -> KnownRequest | None:
        """The request that is exactly these bytes."""
        return self._known.get(data) if len(data) <= MAX_RAW_REQUEST else None

    def remember(self, data: bytes, known_request: KnownRequest) -> None:
        """Know this request by all its bytes from now on: equal bytes mean the same, whatever is in them."""
        if len(data) <= MAX_RAW_REQUEST:
            self._known.put(data, known_request)

    def find(
        self, method: bytes, target: bytes, headers: Iterable[Header], body: bytes
    ) -> KnownRequest | None:
        """The request with these parts, if one like it took the ASGI path before."""
        path, _, query = target.partition(b"?")
        if path != PATH or b"#" in query:
            return None
        is_get = method == b"GET"
        prepared = self._prepared.get((is_get, query if is_get else body))
        if prepared is None or prepared.plan is None:
            return None
        first_values: dict[bytes, bytes] = {}
        for name, value in headers:
            first_values.setdefault(name, value)
        media = _choose_json_type(first_values, query if is_get else None)
        return media and KnownRequest(
            prepared, media, is_get, _decode_header(first_values.get(b"if-none-match"))
        )

    def respond(self, known_request: KnownRequest, server_headers: list[Header]) -> list[bytes] | None:
        """The answer as it goes out, in pieces; `None` where it takes longer. `server_headers` are those of every answer."""
        if known_request.is_get:
            return self._respond_to_get(known_request, server_headers)
        server_lines = self._encode_server_headers(server_headers)
        chunks = self._operations.chunks(known_request.prepared)
        if chunks is None:
            return None
        before, after = self._heads[known_request.media]
        head = b"%b%b%b%d%b" % (
            _STATUS[200],
            server_lines,
            before,
            sum(map(len, chunks)),
            after,
        )
        return [head, *chunks]

    def _respond_to_get(
        self, known_request: KnownRequest, server_headers: list[Header]
    ) -> list[bytes] | None:
        metadata = OperationMetadata()
        chunks = self._operations.chunks(known_request.prepared, metadata)
        if chunks is None:
            return None
        body = b"".join(chunks)
        headers = make_cache_headers(QueryResult(body, has_errors=False), metadata, known_request.media)
        if headers and matches(known_request.if_none_match, headers["etag"]):
            status, body = 304, b""
        else:
            status, headers = 200, json_headers(known_request.media, len(body), headers)
        lines = _encode_lines(add_security_headers(encode_headers(headers)))
        return [_STATUS[status], self._encode_server_headers(server_headers), lines, b"\r\n", body]

    def _encode_server_headers(self, headers: list[Header]) -> bytes:
        # Another list every second.
        if headers is not self._server_headers:
            self._server_headers, self._server_header_lines = headers, _encode_lines(headers)
        return self._server_header_lines


def make_prepared_requests() -> PreparedRequests:
    """Requests by what they ask, a query string (`True`) or a body."""
    return BoundedLru(
        size=MAX_PREPARED_REQUESTS, weight=MAX_PREPARED_REQUESTS_BYTES, weigh=lambda key, _: len(key[1])
    )


def is_navigation(query: bytes) -> bool:
    """Whether somebody came to the address without a question."""
    return not any(part.partition(b"=")[0] == b"query" for part in query.split(b"&"))


def _choose_json_type(headers: dict[bytes, bytes], query: bytes | None) -> MediaType | None:
    """As what a client with these headers gets the answer to a query; `None` where that takes longer. A POST has no `query`."""
    if b"origin" in headers or b"expect" in headers:
        return None
    if query is None and not _is_json(headers.get(b"content-type"), headers.get(b"content-encoding")):
        return None
    accepted = parse_accept(_decode_header(headers.get(b"accept")))
    if query is not None and is_navigation(query) and wants_page(accepted):
        return None
    media = choose(accepted, OperationKind.QUERY)
    return media if media in JSON_TYPES else None


@lru_cache(maxsize=MAX_CONTENT_TYPES)
def _is_json(content_type: bytes | None, content_encoding: bytes | None) -> bool:
    headers_given = {"content-type": content_type, "content-encoding": content_encoding}
    try:
        check_type(
            {name: value.decode("latin-1") for name, value in headers_given.items() if value is not None}
        )
    except HttpError:
        return False
    return True


def _decode_header(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _split_head(media: MediaType) -> tuple[bytes, bytes]:
    """The lines before and after the length of the body."""
    name = b"content-length: "
    before, _, after = _encode_lines(add_security_headers(encode_headers(json_headers(media, 0)))).partition(
        name + b"0"
    )
    return before + name, after + b"\r\n"


def _encode_lines(headers: Iterable[Header]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)
