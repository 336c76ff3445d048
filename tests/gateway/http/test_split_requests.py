"""Requests cut at any byte are answered as in one part, and as without the fast path."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.http.json_type import choose_for_head
from gateway.http.protocol import GatewayHttpProtocol
from gateway.settings import GatewaySettings
from tests.gateway.fakes import wait_until
from tests.gateway.wire import ONE, READ, Wire, connected, learned, post

BODY = post(ONE).partition(b"\r\n\r\n")[2]
H2C = ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA", "Upgrade: h2c")


def chunked(*trailers: bytes, head: bytes = b"Content-Type: application/json\r\n") -> bytes:
    """The known request in two chunks, with fields behind them."""
    half = len(BODY) // 2
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:]))
    end = b"0\r\n" + b"".join(b"%b\r\n" % each for each in trailers) + b"\r\n"
    start = b"POST /graphql HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
    return start + head + b"\r\n" + parts + end


REQUESTS = {
    "a body": (post(ONE), 1),
    "chunks": (chunked(), 1),
    "a get": (READ, 1),
    "an unknown get": (READ.replace(b"__typename", b"a%3A__typename"), 1),
    "another protocol": (post(ONE, *H2C), 1),
    "fields behind the body": (chunked(b"Accept: text/html", b"Host: there", b"Expect: 100-continue"), 1),
    "two at once": (post(ONE) + READ, 2),
    "three of a kind": (post(ONE) * 3, 3),
    "bytes between": (post(ONE) + b"\r\n" + READ, 2),
}
ENDING = {
    "a close behind the body": (chunked(b"Connection: close") + post(ONE), b"200"),
    "a type behind the body": (chunked(b"Content-Type: application/json", head=b""), b"415"),
    "a host behind the body": (chunked(b"Host: here").replace(b"Host: here\r\n", b"", 1), b"400"),
    "another coding behind the body": (chunked(b"Transfer-Encoding: gzip"), b"400"),
    "a length behind the body": (chunked(b"Content-Length: 5"), b"400"),
    "a length beside chunks": (chunked(head=b"Content-Length: 5\r\n"), b"400"),
    "two lengths": (post(ONE, "Content-Length: 5"), b"400"),
    "no HTTP behind it": (post(ONE) + b"\0\0", b"400"),
}


async def answer(protocol: GatewayHttpProtocol, wire: Wire, parts: list[bytes], count: int) -> bytes:
    """Return what is written until there are so many responses, or the connection is closed."""
    wire.written.clear()
    for part in parts:
        if not wire.is_closed:
            protocol.data_received(part)
    await wait_until(lambda: wire.is_closed or b"".join(wire.written).count(b"HTTP/1.1 ") >= count)
    for _ in range(3):
        await asyncio.sleep(0)
    return b"".join(wire.written)


@pytest.mark.slow
@pytest.mark.parametrize(("request_bytes", "count"), REQUESTS.values(), ids=REQUESTS)
async def test_a_request_is_answered_in_the_same_way_wherever_it_is_cut(
    gateway_with_rate: Gateway, request_bytes: bytes, count: int
) -> None:
    """Also on a connection that goes on, behind requests that were cut elsewhere."""
    app = create_app(gateway_with_rate, GatewaySettings(port=0, fast_path=True))
    async with AsyncExitStack() as open_connections:
        plain, plain_wire = await open_connections.enter_async_context(connected(gateway_with_rate, app))
        plain.request_cache = None
        expected = await answer(plain, plain_wire, [request_bytes], count)
        assert expected.count(b"HTTP/1.1 200 OK") == count
        protocol, wire = await open_connections.enter_async_context(connected(gateway_with_rate, app))
        await learned(protocol, wire)
        await learned(protocol, wire, READ)
        for place in range(len(request_bytes)):
            parts = [request_bytes[:place], request_bytes[place:]]
            assert await answer(protocol, wire, parts[not place :], count) == expected, place
            assert not wire.is_closed


@pytest.mark.slow
@pytest.mark.parametrize(("request_bytes", "status"), ENDING.values(), ids=ENDING)
async def test_what_ends_a_connection_ends_it_wherever_it_is_cut(
    gateway_with_rate: Gateway, request_bytes: bytes, status: bytes
) -> None:
    """A type behind the body makes no request JSON: browsers ask before they send one."""
    app = create_app(gateway_with_rate, GatewaySettings(port=0, fast_path=True))
    async with connected(gateway_with_rate, app) as (protocol, wire):
        await learned(protocol, wire)
    for place in range(0, len(request_bytes), 7):
        async with connected(gateway_with_rate, app) as (protocol, wire):
            await answer(protocol, wire, [request_bytes[:place], request_bytes[place:]][not place :], 9)
            await wait_until(wire.is_closing)
            assert b"HTTP/1.1 %b " % status in b"".join(wire.written)


@pytest.mark.slow
async def test_heads_of_many_headers_are_not_kept(gateway_with_rate: Gateway) -> None:
    """Each would take 100 bytes for each of its headers, however short these are."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        choose_for_head.cache_clear()
        for number in range(3):
            many = [f"Accept: {letter}" if letter != "a" else "Accept: */*" for letter in "abcdefghijkl"]
            await answer(protocol, wire, [post(ONE, f"X-Id: {number}", *many)], 1)
            assert wire.answers() == 1
        assert choose_for_head.cache_info().currsize == 0
        await answer(protocol, wire, [post(ONE, "X-Id: 4")], 1)
        assert choose_for_head.cache_info().currsize == 1
