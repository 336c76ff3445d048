"""The JSON type of the response to a query, by the relevant headers of the request. Pure."""

from collections.abc import Iterable
from functools import lru_cache

from gateway.cache_limits import MAX_CONTENT_TYPE_LENGTH, MAX_CONTENT_TYPES, MAX_HEAD_KEY, MAX_HEADS
from gateway.http.negotiation import MediaType, choose, parse_accept, wants_page
from gateway.http.request_body import HttpError, check_type
from gateway.http.request_head import find_head_error
from gateway.http.request_scanner import VERSION
from gateway.pages import Header
from gateway.prepared_operation import OperationKind

JSON_TYPES = (MediaType.RESPONSE, MediaType.JSON)
# The results of a request with the token of a stream are written to that (`gateway.http.single_connection`).
STREAM_HEADER = "x-graphql-event-stream-token"
FORWARDED_FOR = b"x-forwarded-for"
_FOR_THE_ASGI_PATH = frozenset({b"origin", b"expect", STREAM_HEADER.encode()})
# Memory of a header in a key, besides the bytes of its value.
_HEADER_BYTES = 128


def choose_json_type(headers: tuple[Header, ...], *, is_get: bool, may_be_page: bool) -> MediaType | None:
    """Return the JSON type of the response to a query, or `None` for the ASGI path."""
    is_short = sum([_HEADER_BYTES + len(value) for _, value in headers]) <= MAX_HEAD_KEY
    choose = choose_for_head if is_short else choose_for_head.__wrapped__
    return choose(headers, is_get=is_get, may_be_page=may_be_page)


@lru_cache(maxsize=MAX_HEADS)
def choose_for_head(headers: tuple[Header, ...], *, is_get: bool, may_be_page: bool) -> MediaType | None:
    names = {name for name, _ in headers}
    if not names.isdisjoint(_FOR_THE_ASGI_PATH) or find_head_error(VERSION, headers) is not None:
        return None
    if not is_get:
        content_type = first_value(headers, b"content-type") or b""
        content_encoding = first_value(headers, b"content-encoding")
        is_long = len(content_type) + len(content_encoding or b"") > MAX_CONTENT_TYPE_LENGTH
        if is_long or not _is_json(content_type, content_encoding):
            return None
    accepted = parse_accept(decode_header(first_value(headers, b"accept")))
    if may_be_page and wants_page(accepted):
        return None
    media = choose(accepted, OperationKind.QUERY)
    return media if media in JSON_TYPES else None


def split_forwarded(headers: tuple[Header, ...]) -> tuple[tuple[Header, ...], bytes | None]:
    """Return the headers without `X-Forwarded-For`, and its value."""
    values = [value for name, value in headers if name == FORWARDED_FOR]
    if not values:
        return headers, None
    return tuple([each for each in headers if each[0] != FORWARDED_FOR]), b", ".join(values)


def first_value(headers: Iterable[Header], wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)


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


def decode_header(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
