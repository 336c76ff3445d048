"""Slow readers of one stream with many operations.

As on other transports, they lose intermediate values and learn how many; who reads nothing is cut off.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import httpx
import pytest
from structlog.typing import EventDict

from cache.memory import MemoryCache
from rates.source import Source
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served

TIMEOUT_S = 60
HEADER = "x-graphql-event-stream-token"
OPERATIONS = ("a", "b", "c")
# Each event is far more than the connection takes while nobody reads it.
WIDE = (
    "subscription { rates { conflatedCount items { price } "
    + " ".join(f"copy{n}: items {{ id symbol price observedAt expiresAt }}" for n in range(40))
    + " } }"
)
EVENT = re.compile(
    rb'"id":"(\w+)","payload":\{"data":\{"rates":\{"conflatedCount":(\d+),"items":\[\{"price":"([0-9.]+)"\}\]'
)

pytestmark = pytest.mark.servers


class NarrowStream:
    """An open stream whose reader has room for little, and the requests of its client."""

    def __init__(self, link: socket.socket, client: httpx.AsyncClient, token: dict[str, str]) -> None:
        self._link = link
        self._client = client
        self._token = token

    async def execute(self, operation: str, query: str = WIDE) -> int:
        """Send an operation, and return the status of its answer."""
        request = {"query": query, "extensions": {"operationId": operation}}
        return (await self._client.post("/graphql", json=request, headers=self._token)).status_code

    async def read(self) -> bytes:
        """Return what has come; nothing at the end."""
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.get_running_loop().sock_recv(self._link, 1 << 20)


@asynccontextmanager
async def narrow_stream(served: Served) -> AsyncIterator[NarrowStream]:
    host, _, port = served.http.removeprefix("http://").partition(":")
    async with served.client() as client:
        token = {HEADER: (await client.put("/graphql")).text}
        with closing(socket.socket()) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.connect((host, int(port)))
            link.setblocking(False)
            head = f"GET /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n{HEADER}: {token[HEADER]}\r\n\r\n"
            await asyncio.get_running_loop().sock_sendall(link, head.encode())
            yield NarrowStream(link, client, token)


async def test_all_operations_of_a_slow_reader_get_the_newest_values_and_their_counts(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """No more than one event of each waits: the others are merged, and counted."""
    last = 500
    await cache.write([ticker(price="0.5", sequence=0)])
    async with ready_gateway() as served, narrow_stream(served) as stream:
        for operation in OPERATIONS:
            assert await stream.execute(operation) == 202
        await served.facts(lambda seen: seen["subscribers"] == len(OPERATIONS))
        for number in range(1, last + 1):
            await cache.write([ticker(price=str(number), sequence=number)])
            await asyncio.sleep(0)
        text, newest = b"", dict.fromkeys(OPERATIONS, "")
        while set(newest.values()) != {str(last)}:
            piece = await stream.read()
            assert piece, "the stream ended"
            text += piece
            newest |= {operation.decode(): price.decode() for operation, _, price in EVENT.findall(text)}
    for operation in OPERATIONS:
        events = [each[1:] for each in EVENT.findall(text) if each[0].decode() == operation]
        prices = [float(price) for _, price in events]
        assert prices == sorted(set(prices))
        assert sum(int(count) for count, _ in events) > 0
        assert len(events) < last / 2


async def test_a_reader_that_reads_nothing_is_cut_off_with_all_its_operations(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, structured_logs: list[EventDict]
) -> None:
    """Its token is void, and its address may open another stream."""
    async with (
        ready_gateway(stall_timeout_s=0.3, max_sockets_per_address=1) as served,
        narrow_stream(served) as stream,
    ):
        for operation in OPERATIONS:
            assert await stream.execute(operation) == 202
        await served.facts(lambda seen: seen["subscribers"] == len(OPERATIONS))
        async with asyncio.timeout(TIMEOUT_S):
            number = 0
            while not any("reads nothing" in each["event"] for each in structured_logs):
                number += 1
                await cache.write([ticker(price=str(number), sequence=number)])
                await asyncio.sleep(0.001)
        await served.facts(lambda seen: seen["subscribers"] == 0)
        assert await stream.execute("d") == 404
        rest = b""
        while piece := await stream.read():
            rest += piece
        # Not the end of a chunked body that is whole, and no operation is complete: the client comes back.
        assert not rest.endswith(b"0\r\n\r\n")
        assert b"event: complete" not in rest
        async with served.client() as client:
            assert (await client.put("/graphql")).status_code == 201


async def test_answers_that_a_slow_reader_leaves_are_bounded(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Queries run until their answers are written: further ones are refused until then."""
    others = [ticker(symbol, source=Source.COINGECKO) for symbol in ("BTC/USD", "BTC/USDT")]
    await cache.write([ticker(), ticker("ETH/USDT"), *others])
    copies = " ".join(f"c{n}: items {{ id symbol price observedAt expiresAt receivedAt }}" for n in range(45))
    query, limit = f"{{ rates {{ {copies} }} }}", 20
    async with ready_gateway(max_subscriptions=limit) as served, narrow_stream(served) as stream:
        accepted = 0
        async with asyncio.timeout(TIMEOUT_S):
            while await stream.execute(str(accepted), query) == 202:
                accepted += 1
        assert accepted >= limit
        text = b""
        while text.count(b"event: complete") < accepted:
            text += await stream.read()
        assert b"errors" not in text
        assert await stream.execute("again", "{ __typename }") == 202


def test_the_pattern_reads_an_event() -> None:
    """The order of the fields is that of the selection."""
    data = {"rates": {"conflatedCount": 3, "items": [{"price": "1.5"}]}}
    text = json.dumps({"id": "a", "payload": {"data": data}}, separators=(",", ":")).encode()
    assert EVENT.findall(text) == [(b"a", b"3", b"1.5")]
