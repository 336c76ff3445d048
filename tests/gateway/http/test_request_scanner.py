"""Scanning of whole requests: what is taken from them, and what is left to the ASGI path."""

import h11
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from gateway.http.request_head import find_head_error
from gateway.http.request_scanner import RELEVANT, RequestScanner, WholeRequest
from tests.lengths import at_length

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
    "a field behind the body": CHUNKED.replace(b"0\r\n\r\n", b"0\r\nContent-Type: text/plain\r\n\r\n"),
    "a close behind the body": CHUNKED.replace(b"0\r\n\r\n", b"0\r\nConnection: close\r\n\r\n"),
    "a method in lower case": REQUEST.replace(b"POST", b"post"),
    "a folded header": REQUEST.replace(b"one", b"one\r\n two"),
    "a space before the colon": REQUEST.replace(b"Host:", b"Host :"),
    "lines without a return": REQUEST.replace(b"\r\n", b"\n"),
    "a return within a line": REQUEST.replace(b"one", b"one\rContent-Length: 5"),
    "a tab in the target": REQUEST.replace(b"/graphql", b"/graphql?\t"),
    "a zero byte": REQUEST.replace(b"one", b"o\0e"),
    **{
        f"the length {length!r}": REQUEST.replace(b"27", length)
        for length in (
            b"+27",
            b"-27",
            b"2_7",
            b"2 7",
            b"27,27",
            b"0x1b",
            b"",
            b"9" * 20,
            "٢٧".encode(),
            b"27;",
        )
    },
    **{
        f"the coding {coding!r}": CHUNKED.replace(b"chunked", coding)
        for coding in (b"chunke", b"xchunked", b"chunked, identity", b"\x0bchunked", b"chunked\x00", b"")
    },
    "a length beside chunks": CHUNKED.replace(b"User-Agent: one", b"Content-Length: 44"),
    "chunks beside a length": REQUEST.replace(b"User-Agent: one", b"Transfer-Encoding: chunked"),
    **{
        f"the chunk size {size!r}": CHUNKED.replace(b"\r\n\r\n7\r\n", b"\r\n\r\n" + size + b"\r\n")
        for size in (b"+7", b"0x7", b" 7", b"7_", b"", b"-7", b"f" * 17)
    },
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


PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b":", b",", b";", b"+", b"-", b"_", b"0", b"7", b"\xff", b"\xc2\xb2", b"#", b"?", b"%00",
    b"Content-Length: 27\r\n", b"Content-Length: 5\r\n", b"Content-Length:\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n", b"Host: there\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"0\r\n\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"X: y\r\n z\r\n", b"GET / HTTP/1.1\r\n\r\n", b"http://here", b"HTTP/1.0", BODY,
]  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A request with a few pieces put in, exchanged or left out, mostly at its lines and values."""
    data = draw(st.sampled_from([REQUEST, CHUNKED]))
    for _ in range(draw(st.integers(1, 3))):
        near = [place for place, byte in enumerate(data) if byte in b"\r\n: "]
        place = draw(st.sampled_from(near) | st.integers(0, len(data))) + draw(st.integers(0, 2))
        data = data[:place] + draw(st.sampled_from([b"", *PIECES])) + data[place + draw(st.integers(0, 2)) :]
    return data


def with_single_spaces(data: bytes) -> bytes:
    """Write the request line as h11 wants it.

    A server may take several spaces for one [RFC 9112, 3].
    """
    line, end, rest = data.partition(b"\r\n")
    return b" ".join(filter(None, line.split(b" "))) + end + rest


def read_with_h11(data: bytes) -> tuple[WholeRequest, bytes]:
    """The request as another parser reads it, and the bytes behind it."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    body = b""
    while not isinstance(part := connection.next_event(), h11.EndOfMessage):
        assert isinstance(part, h11.Data)
        body += bytes(part.data)
    assert not part.headers.raw_items()
    headers = tuple((name, value.strip(b" \t")) for name, value in request.headers if name in RELEVANT)
    return WholeRequest(request.method, request.target, headers, body), connection.trailing_data[0]


@pytest.mark.slow
@settings(max_examples=at_length(400), deadline=None)
@given(data=mutations())
@example(data=b"\r\n" + REQUEST + b"\r\n")
@example(data=REQUEST.replace(b"POST ", b"POST  "))
def test_whatever_is_taken_another_parser_reads_in_the_same_way(data: bytes) -> None:
    """One request with equal parts and nothing behind it: no proxy sees another one in it."""
    scanner = RequestScanner()
    found = scanner.scan(data)
    event(f"taken: {found is not None}")
    # Others are refused by their heads on either path.
    if found is not None and find_head_error("1.1", found.headers) is None:
        expected, behind = read_with_h11(with_single_spaces(data.lstrip(b"\r\n")))
        stripped = tuple((name, value.strip(b" \t")) for name, value in found.headers)
        assert found._replace(headers=stripped) == expected
        assert behind.strip(b"\r\n") == b""
    assert scanner.scan(REQUEST) == FOUND
