"""The memory and lifetime of a connection are bounded, whatever it sends or leaves unread."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest
from structlog.typing import EventDict

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from tests.gateway.fakes import wait_until
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.raw_socket import TIMEOUT_S
from tests.gateway.websocket.test_slow_readers import narrow_link
from tests.gateway.wire import ONE, READ, UPGRADE, connected, learned, post, written

# Answered before its body is there, which nobody reads.
UNREAD_BODY = b"POST /health/live HTTP/1.1\r\nHost: here\r\n"
KIB = 1024


def trailing() -> Iterator[bytes]:
    yield UNREAD_BODY + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    while True:
        yield b"X-More: " + b"a" * 8 * KIB + b"\r\n"


def heading(part: bytes) -> Iterator[bytes]:
    yield b"GET /health/live" + (b"?" if part == b"a" else b" HTTP/1.1\r\n")
    while True:
        yield part * (8 * KIB // len(part))


ENDLESS = {
    "an address": heading(b"a"),
    "a header": heading(b"X-Name:" + b"a" * (8 * KIB - 7)),
    "headers": heading(b"X-Name: a\r\n"),
    "trailers": trailing(),
}


@pytest.mark.parametrize("pieces", ENDLESS.values(), ids=ENDLESS)
async def test_what_surrounds_a_body_has_an_end(gateway_with_rate: Gateway, pieces: Iterator[bytes]) -> None:
    """A head is buffered until it is complete; an endless one is rejected early."""
    async with connected(gateway_with_rate, head_timeout_s=60) as (protocol, wire):
        sent = 0
        while not wire.is_closed:
            piece = next(pieces)
            sent += len(piece)
            assert sent < 200 * KIB
            protocol.data_received(piece)
            await asyncio.sleep(0)
        assert sent > 120 * KIB
        if UNREAD_BODY not in piece and b"X-More" not in piece:
            assert written(wire).startswith(b"HTTP/1.1 431 ")


async def test_a_body_may_be_longer_than_a_head(gateway_with_rate: Gateway) -> None:
    """Only what is no body counts."""
    async with connected(gateway_with_rate) as (protocol, wire):
        body = post(ONE).partition(b"\r\n\r\n")[2].ljust(99_000)
        head = (
            b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(3):
            before = wire.answers()
            protocol.data_received(head)
            for start in range(0, len(body), 50):
                protocol.data_received(b"32\r\n%b\r\n" % body[start : start + 50])
            protocol.data_received(b"0\r\n\r\n")
            await wait_until(lambda seen=before: wire.answers() == seen + 1)  # type: ignore[misc]


@pytest.mark.parametrize(
    "stray", [b"\r\n", UNREAD_BODY + b"Content-Length: 9\r\n\r\n"], ids=["empty", "body"]
)
async def test_an_idle_connection_is_closed_whatever_it_last_sent(
    gateway_with_rate: Gateway, stray: bytes
) -> None:
    """An empty line, or the rest of an ignored body, is no request, on either path."""
    for short in (False, True):
        async with connected(gateway_with_rate, timeout_keep_alive=0.05) as (protocol, wire):
            await learned(protocol, wire)
            if short:
                protocol.data_received(post(ONE))
            protocol.data_received(stray)
            if stray.startswith(UNREAD_BODY):
                await wait_until(lambda seen=wire: b"HTTP/1.1 405 " in written(seen))  # type: ignore[misc]
                protocol.data_received(b"123456789")
            await wait_until(wire.is_closing)
            assert b"408" not in written(wire)


async def test_a_body_that_nobody_reads_does_not_go_on_for_ever(gateway_with_rate: Gateway) -> None:
    """It has the time of a head, from when the answer is out; and no second answer."""
    async with connected(gateway_with_rate) as (protocol, wire):
        protocol.data_received(UNREAD_BODY + b"Content-Length: 1000000\r\n\r\n")
        await wait_until(lambda: b"HTTP/1.1" in written(wire))
        async with asyncio.timeout(TIMEOUT_S):
            while not wire.is_closed:
                protocol.data_received(b"x")
                await asyncio.sleep(0.01)
        assert written(wire).count(b"HTTP/1.1") == 1


@pytest.mark.slow
async def test_requests_that_wait_for_their_turn_are_bounded(gateway_with_rate: Gateway) -> None:
    """The rest waits as bytes, of one received chunk at most; all are answered in the end."""
    async with connected(gateway_with_rate) as (protocol, wire):
        sent = most = 0
        while sent < 10_000:
            if wire.is_read:
                protocol.data_received(READ * 1_000)
                sent += 1_000
            most = max(most, len(protocol.pipeline))
            await asyncio.sleep(0)
        await wait_until(lambda: wire.answers() == sent)
        assert most <= 4 * KIB / len(READ) + 1


async def test_a_head_whose_rest_is_here_is_not_waited_for(gateway_with_rate: Gateway) -> None:
    """It stands behind a stream, and is cut in two by what is parsed at a time."""
    events = post("subscription { sources { source { code } } }", "Accept: text/event-stream")
    async with (
        connected(gateway_with_rate, head_timeout_s=0.05) as (protocol, wire),
        connected(gateway_with_rate, head_timeout_s=0.05) as (later, later_wire),
    ):
        protocol.data_received(events)
        await wait_until(lambda: b"event-stream" in written(wire))
        protocol.data_received(READ * (8 * KIB // len(READ)))
        # A head whose rest does not come, begun afterwards, is over: so the time of the other is, too.
        later.data_received(b"GET /health/live HTTP/1.1\r\n")
        await wait_until(lambda: later_wire.is_closed)
        assert not wire.is_closed


async def test_pipelined_requests_larger_than_a_portion_are_answered_in_order(
    gateway_with_rate: Gateway,
) -> None:
    """Their bodies come in pieces behind one that waits."""
    async with connected(gateway_with_rate) as (protocol, wire):
        bodies = [post(f"{{ a{number}: __typename }}" + " " * 6_000) for number in range(20)]
        protocol.data_received(b"".join(bodies))
        await wait_until(lambda: wire.answers() == 20)
        places = [written(wire).index(b'{"a%d":' % number) for number in range(20)]
        assert places == sorted(places)


async def test_a_client_that_reads_nothing_is_cut(gateway_with_rate: Gateway) -> None:
    """Only then: one that takes something now and then is waited for."""
    async with connected(gateway_with_rate) as (protocol, wire):
        wire.unsent_bytes, wire.takes = 1_000_000, 1
        protocol.pause_writing()
        await wait_until(lambda: wire.looks > 4)
        assert not wire.is_aborted
        wire.takes = 0
        await wait_until(lambda: wire.is_aborted)


@pytest.mark.parametrize("way", ["keep-alive", "half-closed", "close", "half a head", "no HTTP"])
async def test_a_connection_that_closes_is_not_held_by_a_client_that_reads_nothing(
    gateway_with_rate: Gateway, way: str
) -> None:
    """The unread bytes are too few to pause writing, but would keep the transport open."""
    async with connected(gateway_with_rate, timeout_keep_alive=0.05) as (protocol, wire):
        await learned(protocol, wire)
        wire.unsent_bytes = 1_000
        match way:
            case "half-closed":
                protocol.eof_received()
            case "close":
                protocol.data_received(post(ONE, "Connection: close"))
            case "half a head":
                protocol.data_received(b"POST /gra")
            case "no HTTP":
                protocol.data_received(b"\0\0\0\r\n\r\n")
        await wait_until(lambda: wire.is_aborted)


async def test_answers_that_nobody_reads_end_with_their_connection(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, structured_logs: list[EventDict]
) -> None:
    """On a real socket, on the fast path and on the ASGI path."""
    await cache.write([ticker()])
    wide = (
        "{ " + " ".join(f"c{number}: rates {{ items {{ id symbol }} cursor }}" for number in range(50)) + " }"
    )
    for fast_path in (True, False):
        structured_logs.clear()
        async with ready_gateway(stall_timeout_s=0.3, fast_path=fast_path) as served:
            with narrow_link(served.ws) as link:
                async with asyncio.timeout(TIMEOUT_S):
                    with suppress(ConnectionError):
                        while True:
                            await asyncio.get_running_loop().sock_sendall(link, post(wide))
                await wait_until(
                    lambda: (
                        [each["event"] for each in structured_logs if "reads nothing" in each["event"]]
                        == ["connection cut: its client reads nothing"]
                    )
                )


async def test_no_websocket_begins_behind_an_answer_that_is_not_out(gateway_with_rate: Gateway) -> None:
    """Frames would get into the middle of that response, and outside of its limits."""
    events = post("subscription { sources { source { code } } }", "Accept: text/event-stream")
    async with connected(gateway_with_rate) as (protocol, wire):
        protocol.data_received(events)
        await wait_until(lambda: b"event-stream" in written(wire))
        protocol.data_received(UPGRADE)
        assert wire.is_closed
        assert b"101 Switching" not in written(wire)
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        protocol.pause_writing()
        protocol.data_received(UPGRADE)
        assert wire.is_closed
        assert b"101 Switching" not in written(wire)
