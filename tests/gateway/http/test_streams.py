"""Event streams and multipart responses: framing, resume, heartbeats, and all their ends."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import NamedTuple

import httpx
import pytest
from structlog.typing import EventDict

from cache.memory import MemoryCache
from drill.distributed.nginx import start_nginx
from tests.gateway.fakes import TIMEOUT_S
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served
from tests.json_types import Json

LIVE = (
    "subscription($after: String) { rates(after: $after) { kind recovered conflatedCount items { price } } }"
)
EVENTS = {"accept": "text/event-stream"}
PARTS = {"accept": 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0", application/json'}
CURSOR = re.compile(r"[A-Za-z0-9_-]+")


class Event(NamedTuple):
    """One event of an event stream."""

    name: str
    id: str | None
    data: Json


async def read_events(response: httpx.Response) -> AsyncIterator[Event]:
    """As a browser reads them; comments and `retry` apart. Only LF ends a line."""
    text = ""
    async for piece in response.aiter_text():
        assert "\r" not in piece
        text += piece
        while "\n\n" in text:
            block, text = text.split("\n\n", 1)
            fields = dict(line.split(":", 1) for line in block.split("\n") if line[:1] != ":")
            if "event" in fields:
                data = fields["data"].strip()
                identity = fields.get("id")
                yield Event(
                    fields["event"].strip(), identity and identity.strip(), json.loads(data) if data else None
                )


@asynccontextmanager
async def streaming(
    served: Served, headers: dict[str, str], query: str = LIVE, **more: object
) -> AsyncIterator[httpx.Response]:
    """A response whose body is being read."""
    async with (
        asyncio.timeout(60),
        served.client(timeout=60) as client,
        client.stream("POST", "/graphql", json={"query": query, **more}, headers=headers) as response,
    ):
        yield response


async def test_a_subscription_is_a_stream_of_next_events_with_the_cursor_as_id(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The id does not depend on the selection of the cursor. Proxies must not buffer."""
    await cache.write([ticker(price="1", sequence=1)])
    async with ready_gateway() as served, streaming(served, EVENTS) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        events = read_events(response)
        first = await anext(events)
        assert (first.name, first.data["data"]["rates"]["kind"]) == ("next", "SNAPSHOT")
        assert first.id is not None
        assert CURSOR.fullmatch(first.id)
        await cache.write([ticker(price="2", sequence=2)])
        second = await anext(events)
        assert second.data["data"]["rates"]["items"] == [{"price": "2"}]
        assert second.id != first.id


async def test_a_reader_that_comes_back_with_last_event_id_gets_what_it_missed(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Even if its first request had an `after`, as a browser repeats that."""
    await cache.write([ticker(price="1", sequence=1)])
    async with ready_gateway() as served:
        async with streaming(served, EVENTS) as response:
            events = read_events(response)
            oldest = await anext(events)
            await cache.write([ticker(price="1.5", sequence=2)])
            first = await anext(events)
        await cache.write([ticker(price="2", sequence=3)])
        await cache.write([ticker("ETH/USDT", price="3")])
        for after in (None, oldest.id):
            headers = {**EVENTS, "last-event-id": first.id or ""}
            async with streaming(served, headers, variables={"after": after}) as response:
                event = (await anext(read_events(response))).data["data"]["rates"]
                assert (event["kind"], event["recovered"]) == ("SNAPSHOT", True)
                assert sorted(item["price"] for item in event["items"]) == ["2", "3"]


async def test_an_unknown_last_event_id_is_an_error_in_the_stream(ready_gateway: ReadyGateway) -> None:
    """A browser's script can read that; it could not read a status."""
    headers = {**EVENTS, "last-event-id": "nonsense"}
    async with ready_gateway() as served, streaming(served, headers) as response:
        events = [event async for event in read_events(response)]
    assert [event.name for event in events] == ["next", "complete"]
    assert events[0].data["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("query", "result"),
    [
        ("{ __typename }", {"data": {"__typename": "Query"}}),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { rate(symbol: "NO/SUCH") { price } }', "UNKNOWN_SYMBOL"),
        ("subscription($s: Symbol!) { rate(symbol: $s) { price } }", "BAD_USER_INPUT"),
    ],
)
async def test_a_single_result_is_one_event_or_part_and_the_end(
    ready_gateway: ReadyGateway, query: str, result: Json
) -> None:
    """Queries and refusals alike, on status 200: an open stream has no other way to say it."""
    async with ready_gateway() as served:
        async with streaming(served, EVENTS, query) as response:
            events = [event async for event in read_events(response)]
        async with streaming(served, {"accept": "multipart/mixed;subscriptionSpec=1.0"}, query) as response:
            assert response.status_code == 200
            parts = parse_parts(await response.aread())
    assert [event.name for event in events] == ["next", "complete"]
    assert [part for part in parts if part] == [{"payload": events[0].data}]
    if isinstance(result, str):
        assert events[0].data["errors"][0]["extensions"]["code"] == result
    else:
        assert events[0].data == result


def parse_parts(body: bytes) -> list[Json]:
    """The parts of a whole multipart body."""
    preamble, *parts, epilogue = body.split(b"\r\n--graphql")
    assert (preamble, epilogue) == (b"", b"--\r\n")
    heads, bodies = zip(*(part.split(b"\r\n\r\n", 1) for part in parts), strict=True)
    assert set(heads) == {b"\r\ncontent-type: application/json"}
    return [json.loads(each) for each in bodies]


async def test_a_malformed_request_is_400_whatever_stream_is_wanted(ready_gateway: ReadyGateway) -> None:
    """There is no operation whose result it could be."""
    async with ready_gateway() as served, served.client() as client:
        answer = await client.post("/graphql", json={"query": 5}, headers=EVENTS)
        assert answer.status_code == 400
        assert answer.json()["errors"]


async def test_an_idle_stream_shows_that_it_lives(ready_gateway: ReadyGateway) -> None:
    """A comment to event streams, an empty object to parts."""
    async with ready_gateway(stream_heartbeat_s=0.05) as served:
        for headers, sign in ((EVENTS, b"\n:\n\n"), (PARTS, b"\r\n\r\n{}\r\n--graphql\r\n")):
            async with streaming(served, headers, "subscription { sources { source { code } } }") as response:
                pieces = response.aiter_bytes()
                body = b""
                while body.count(sign) < 3:
                    body += await anext(pieces)


async def test_a_reader_that_leaves_ends_its_subscription_at_once(ready_gateway: ReadyGateway) -> None:
    """Nothing is left that would have to be told updates."""
    async with ready_gateway() as served:
        for headers in (EVENTS, PARTS):
            async with streaming(served, headers) as response:
                await anext(response.aiter_bytes())
                await served.facts(lambda seen: seen["subscribers"] == 1)
            await served.facts(lambda seen: seen["subscribers"] == 0)


async def test_a_stop_ends_streams_so_that_clients_come_back(ready_gateway: ReadyGateway) -> None:
    """Event streams end without `complete`, parts with an error that Apollo's clients report."""
    async with (
        ready_gateway() as served,
        streaming(served, EVENTS) as events,
        streaming(served, PARTS) as parts,
    ):
        pieces = events.aiter_text()
        text = await anext(pieces)
        other = parts.aiter_bytes()
        body = await anext(other)
        served.stop.set()
        # Without the stop neither would ever end.
        async with asyncio.timeout(TIMEOUT_S):
            text += "".join([piece async for piece in pieces])
            body += b"".join([piece async for piece in other])
    assert "event: next" in text
    assert "complete" not in text
    last = parse_parts(body)[-1]
    assert (last["payload"], last["errors"][0]["extensions"]["code"]) == (None, "SERVICE_UNAVAILABLE")


@asynccontextmanager
async def behind_nginx(served: Served) -> AsyncIterator[Served]:
    """Run the gateway behind nginx, and wait in a thread until the proxy reaches it."""
    proxy = start_nginx([int(served.http.rpartition(":")[2])])
    nginx = await asyncio.to_thread(proxy.__enter__)
    try:
        yield served._replace(http=nginx.url)
    finally:
        await asyncio.to_thread(proxy.__exit__, None, None, None)


async def test_events_pass_through_nginx_at_once(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """With the configuration that ships; each of them, not a buffer full."""
    await cache.write([ticker(price="0", sequence=0)])
    async with (
        ready_gateway() as served,
        behind_nginx(served) as proxied,
        streaming(proxied, EVENTS) as response,
    ):
        events = read_events(response)
        for number in range(5):
            (item,) = (await anext(events)).data["data"]["rates"]["items"]
            assert item["price"] == str(number)
            await cache.write([ticker(price=str(number + 1), sequence=number + 1)])


WIDE = (
    "subscription { rates { conflatedCount items { price } "
    + " ".join(f"copy{n}: items {{ id symbol price observedAt expiresAt }}" for n in range(40))
    + " } }"
)


@asynccontextmanager
async def narrow_stream(served: Served, headers: dict[str, str]) -> AsyncIterator[socket.socket]:
    """A stream whose reader has room for little."""
    with closing(socket.socket()) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", int(served.http.rpartition(":")[2])))
        link.setblocking(False)
        body = json.dumps({"query": WIDE}).encode()
        head = f"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: {headers['accept']}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(link, head.encode() + body)
        yield link


@pytest.mark.parametrize("headers", [EVENTS, PARTS], ids=["events", "parts"])
async def test_a_reader_that_stops_reading_gets_the_newest_values_when_it_reads_again(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, headers: dict[str, str]
) -> None:
    """Values beyond the connection's buffers are conflated; another reader sees every update."""
    last = 1_000
    await cache.write([ticker(price="0.5", sequence=0)])
    async with (
        ready_gateway() as served,
        narrow_stream(served, headers) as slow,
        streaming(served, EVENTS) as quick,
    ):
        events = read_events(quick)
        await served.facts(lambda seen: seen["subscribers"] == 2)
        assert (await anext(events)).data["data"]["rates"]["kind"] == "SNAPSHOT"
        for number in range(1, last + 1):
            await cache.write([ticker(price=str(number), sequence=number)])
            event = (await anext(events)).data["data"]["rates"]
            assert event["items"] == [{"price": str(number)}]
        loop, text = asyncio.get_running_loop(), b""
        newest = f'"items":[{{"price":"{last}"}}]'.encode()
        while newest not in text:
            piece = await loop.sock_recv(slow, 1 << 20)
            assert piece, "the stream ended"
            text += piece
    seen = [float(price) for price in re.findall(rb'"items":\[\{"price":"([0-9.]+)"\}\]', text)]
    assert seen == sorted(set(seen))
    assert len(seen) < last
    assert max(map(int, re.findall(rb'"conflatedCount":(\d+)', text))) > 0


@pytest.mark.parametrize("headers", [EVENTS, PARTS], ids=["events", "parts"])
async def test_a_reader_that_never_reads_again_is_cut_off(
    ready_gateway: ReadyGateway,
    cache: MemoryCache,
    ticker: BuildTicker,
    headers: dict[str, str],
    structured_logs: list[EventDict],
) -> None:
    """The connection is aborted after the stall timeout, which frees its memory."""
    async with ready_gateway(stall_timeout_s=0.3) as served, narrow_stream(served, headers) as link:
        await served.facts(lambda seen: seen["subscribers"] == 1)
        async with asyncio.timeout(60):
            number = 0
            while not any("reads nothing" in each["event"] for each in structured_logs):
                number += 1
                await cache.write([ticker(price=str(number), sequence=number)])
                await asyncio.sleep(0.001)
        await served.facts(lambda seen: seen["subscribers"] == 0)
        rest = b""
        while piece := await asyncio.get_running_loop().sock_recv(link, 1 << 20):
            rest += piece
        # The end of a chunked body that is whole.
        assert not rest.endswith(b"0\r\n\r\n")
