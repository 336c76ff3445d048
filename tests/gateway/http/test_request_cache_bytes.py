"""The fast path sends the bytes of the ASGI path, however a request is split."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from cache.memory import MemoryCache
from rates.source import Source
from tests.gateway.fakes import FakeClock, build_ticker
from tests.gateway.fixture_types import ReadyGateway
from tests.gateway.raw_socket import TIMEOUT_S
from tests.gateway.wire import ONE, READ, post
from tests.json_types import Json
from tests.lengths import at_length

MANY = "query Many($s: [Symbol!]) { rates(symbols: $s) { items { id ageMs bid } cursor } }"
QUERIES = [
    {"query": ONE},
    {"query": ONE, "operationName": None},
    {"query": MANY},
    {"query": MANY, "variables": {"s": ["ETH/USDT", "BTC/USDT"]}},
    {"query": MANY, "variables": {"s": ["NO/SUCH"]}},
    {"query": '{ rate(symbol: "NO/SUCH") { id } }'},
    {"query": "{ a: rates(maxAgeMs: 1000, onStale: OMIT) { items { price } unavailable { reason } } }"},
    {"query": '{ rate(symbol: "BTC/USDT", maxAgeMs: 1, onStale: ERROR) { price } }'},
    {"query": "{ sources { source { code } } }"},
    {"query": "{ __typename }"},
    {"query": "{ nope }"},
    {"query": "subscription { sources { source { code } } }"},
]
BODIES = [*(json.dumps(each).encode() for each in QUERIES), b"", b"{", b"[]", b'{"query": 5}']
ACCEPTS = [
    None,
    "*/*",
    "application/json",
    "application/graphql-response+json, application/json;q=0.9",
    "text/html,application/json;q=0.9,*/*;q=0.8",
    "image/png",
]
HEADERS = [
    "Origin: https://elsewhere.example",
    "If-None-Match: *",
    'If-None-Match: "other"',
    "Accept-Encoding: gzip",
    "Connection: keep-alive",
    "Expect: 100-continue",
    "X-Forwarded-For: 10.0.0.1",
    "Accept: image/png",
]
# After these the server closes the connection, so they come last.
LAST = ["Connection: close", "Content-Type: text/plain", "Content-Encoding: gzip", "HTTP/1.0"]
END = b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


PAGE = READ.replace(b"*/*", b"text/html")
# Requests that ask what is known already, in a way that has another answer.
NEARLY_KNOWN = [
    [post(ONE).replace(b"application/json", b"text/plain")],
    [post(ONE).replace(b"HTTP/1.1", b"HTTP/1.0")],
    [post(ONE).replace(b"/graphql", b"/graphql/"), END],
    [READ.replace(b"?query", b"?%71uery"), PAGE.replace(b"?query", b"?%71uery"), END],
    [PAGE, END],
]


@st.composite
def requests(draw: st.DrawFn, last: bool = False) -> bytes:
    """One request, of all that the endpoint may meet."""
    body: bytes = draw(st.sampled_from(BODIES[:4]) | st.sampled_from(BODIES))
    method = draw(st.sampled_from(["POST", "POST", "POST", "GET", "GET", "HEAD", "DELETE", "OPTIONS"]))
    path = draw(st.sampled_from(["/graphql"] * 6 + ["/graphql/", "/graphqlx", "/health/live"]))
    given = draw(st.lists(st.sampled_from(HEADERS), max_size=2, unique=True))
    closing_by = draw(st.sampled_from(LAST)) if last else ""
    if closing_by.startswith("Content-") and (method, path) != ("POST", "/graphql"):
        closing_by = "Connection: close"
    given += [closing_by] if closing_by else []
    version = "HTTP/1.0" if "HTTP/1.0" in given else "HTTP/1.1"
    lines = [each for each in given if each != "HTTP/1.0"]
    accept = draw(st.sampled_from(ACCEPTS))
    lines += [f"Accept: {accept}"] if accept else []
    if method != "POST":
        asked = draw(st.sampled_from([body, *BODIES[:3]]))
        query = _query(asked).replace("?query", draw(st.sampled_from(["?query", "?query", "?%71uery"])))
        path, body = path + query, b""
    elif not any(each.startswith("Content-Type") for each in lines):
        kind = draw(st.sampled_from(["application/json", "application/json; charset=UTF-8"]))
        lines.append(f"content-type: {kind}")
    if body and draw(st.integers(0, 3)) == 0:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)
        body += b"0\r\n\r\n"
    elif body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {path} {version}", "Host: here", *draw(st.permutations(lines))])
    return f"{head}\r\n\r\n".encode() + body


def _query(body: bytes) -> str:
    try:
        asked = json.loads(body)
        parts = [f"{name}={quote(_text(value))}" for name, value in asked.items() if value is not None]
    except (ValueError, AttributeError):
        return ""
    return f"?{'&'.join(parts)}"


def _text(value: Json) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


def ask(port: int, portions: list[bytes]) -> bytes:
    """All that comes back until the server closes."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each in portions:
            link.sendall(each)
        received = b""
        while data := link.recv(65_536):
            received += data
    # Two gateways lease at different moments.
    told = re.sub(rb"(ratelimit: \"default\");r=\d+;t=\d+", rb"\1", received)
    return re.sub(rb"\r\ndate: [^\r]*", b"", told)


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """In portions, cut at these places."""
    ends = sorted({place % len(data) for place in places} | {len(data)})
    start = 0
    for end in ends:
        if data[start:end]:
            yield data[start:end]
        start = end


async def test_the_fast_path_answers_with_the_bytes_of_the_asgi_path(
    ready_gateway: ReadyGateway, cache: MemoryCache, clock: FakeClock
) -> None:
    """Compares sequences of requests, each sent several times, with a gateway without fast path."""
    for symbol in ("BTC/USDT", "ETH/USDT"):
        await cache.write([build_ticker(symbol, bid=None)])
    await cache.write([build_ticker("BTC/USDT", "99", source=Source.COINGECKO)])
    clock.advance(2.345_678)

    allowed = ["https://elsewhere.example"]
    async with (
        ready_gateway(fast_path=True, allowed_origins=allowed) as fast,
        ready_gateway(fast_path=False, allowed_origins=allowed) as plain,
    ):
        ports = [int(each.http.rpartition(":")[2]) for each in (fast, plain)]

        def check(portions: list[bytes]) -> None:
            expected = ask(ports[1], portions)
            assert expected.startswith(b"HTTP/1.1 ")
            for _ in range(3):
                assert ask(ports[0], portions) == expected

        @settings(max_examples=at_length(300), deadline=None)
        @given(
            first=st.lists(requests(), max_size=3),
            last=st.none() | requests(last=True),
            at_once=st.booleans(),
            places=st.lists(st.integers(0, 5_000), max_size=3),
        )
        def compare(first: list[bytes], last: bytes | None, at_once: bool, places: list[int]) -> None:
            portions = [*cut(b"".join(first), places)] if first and at_once else first
            # In one portion: its answer may close the connection before the rest of it is sent.
            portions = [*portions, END if last is None else last]
            check(portions)

        for each in NEARLY_KNOWN:
            await asyncio.to_thread(check, [post(ONE), post(ONE), READ, READ, *each])
        await asyncio.to_thread(compare)
