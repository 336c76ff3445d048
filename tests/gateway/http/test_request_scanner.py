"""Scanning of whole requests: what is taken from them, and what is left to the ASGI path."""

import pytest

from gateway.http.request_scanner import RequestScanner, WholeRequest

BODY = b'{"query": "{ __typename }"}'
REQUEST = (
    b"POST /graphql HTTP/1.1\r\nHost: here\r\nUser-Agent: one\r\nCONTENT-TYPE: application/json\r\ntraceparent: 00-1\r\n"
    b"Content-Length: 27\r\n\r\n" + BODY
)
FOUND = WholeRequest(b"POST", b"/graphql", ((b"host", b"here"), (b"content-type", b"application/json")), BODY)
CHUNKED = REQUEST.replace(b"Content-Length: 27", b"Transfer-Encoding: chunked").replace(
    BODY, b"7\r\n" + BODY[:7] + b"\r\n14\r\n" + BODY[7:] + b"\r\n0\r\n\r\n"
)

OTHERS = {
    "the first part": REQUEST[:100],
    "a head without its body": REQUEST[: -len(BODY)],
    "half a body": REQUEST[:-5],
    "two requests": REQUEST + REQUEST,
    "a request and a half": REQUEST + REQUEST[:10],
    "something else behind it": REQUEST + b"\0\0",
    "no HTTP": b"\x16\x03\x01\x02\x00",
    "nothing": b"",
    "HTTP/1.0": REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the last of its connection": REQUEST.replace(b"User-Agent: one", b"Connection: close"),
    "an upgrade": REQUEST.replace(b"User-Agent: one", b"Connection: Upgrade\r\nUpgrade: websocket"),
    "two lengths": REQUEST.replace(b"User-Agent: one", b"Content-Length: 5"),
    "a tunnel": b"CONNECT here:1 HTTP/1.1\r\nHost: here\r\n\r\n",
}


def test_of_a_head_only_the_relevant_headers_are_kept() -> None:
    """With names in lower case, in their order."""
    assert RequestScanner().scan(REQUEST) == FOUND


def test_a_body_in_chunks_is_joined() -> None:
    """The coding is a relevant header, because some are refused."""
    found = RequestScanner().scan(CHUNKED)
    assert found is not None
    assert found.body == BODY
    assert (b"transfer-encoding", b"chunked") in found.headers


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_what_is_not_one_whole_request_is_left_alone(data: bytes) -> None:
    """Nothing of it remains: the next request, of any connection, is as if it were the first."""
    scanner = RequestScanner()
    for _ in range(2):
        assert scanner.scan(data) is None
        assert scanner.scan(REQUEST) == FOUND
