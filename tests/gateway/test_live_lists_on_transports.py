"""Live lists of consensuses and conversions on every transport."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served
from tests.gateway.http.test_streams import EVENTS, PARTS, read_events, streaming
from tests.gateway.raw_socket import LEGACY, MODERN, raw_socket
from tests.json_types import Json
from tests.lengths import combine

CONSENSUS = """subscription { consensusRates(symbols: ["BTC/USDT", "NO/SUCH"], minSources: 1, sampleIntervalMs: 0) {
  kind items { symbol price } unavailable { symbol reason } } }"""
CONVERSIONS = """subscription { conversions(input: [{ amount: 2, from: "BTC", to: "USDT" }], sampleIntervalMs: 0) {
  kind items { amount result } unavailable { from code } } }"""
CONVERSION = 'subscription { conversion(amount: 2, from: "BTC", to: "USDT", sampleIntervalMs: 0) { result } }'

TRANSPORTS = (MODERN, LEGACY, "event stream", "multipart")
EXPECTED: dict[str, tuple[str, list[Json]]] = {
    "consensusRates": (
        CONSENSUS,
        [
            {
                "consensusRates": {
                    "kind": "SNAPSHOT",
                    "items": [{"symbol": "BTC/USDT", "price": None}],
                    "unavailable": [{"symbol": "NO/SUCH", "reason": "UNKNOWN_SYMBOL"}],
                }
            },
            {
                "consensusRates": {
                    "kind": "UPDATE",
                    "items": [{"symbol": "BTC/USDT", "price": "100"}],
                    "unavailable": [],
                }
            },
        ],
    ),
    "conversions": (
        CONVERSIONS,
        [
            {
                "conversions": {
                    "kind": "SNAPSHOT",
                    "items": [],
                    "unavailable": [{"from": "BTC", "code": "RATE_NOT_SEEN"}],
                }
            },
            {
                "conversions": {
                    "kind": "UPDATE",
                    "items": [{"amount": "2", "result": "200"}],
                    "unavailable": [],
                }
            },
        ],
    ),
    "conversion": (CONVERSION, [{"conversion": None}, {"conversion": {"result": "200"}}]),
}


@asynccontextmanager
async def on_websocket(served: Served, query: str, subprotocol: str) -> AsyncIterator[AsyncIterator[Json]]:
    async def read() -> AsyncIterator[Json]:
        while True:
            message = await client.receive()
            if message["type"] in {"next", "data"}:
                yield message["payload"]["data"]

    async with raw_socket(served.ws, subprotocol) as client:
        await client.start("1", query)
        yield read()


@asynccontextmanager
async def on_event_stream(served: Served, query: str) -> AsyncIterator[AsyncIterator[Json]]:
    async with streaming(served, EVENTS, query) as response:
        yield (event.data["data"] async for event in read_events(response))


@asynccontextmanager
async def on_multipart(served: Served, query: str) -> AsyncIterator[AsyncIterator[Json]]:
    async def read() -> AsyncIterator[Json]:
        text = b""
        async for piece in response.aiter_bytes():
            text += piece
            *parts, text = text.split(b"\r\n--graphql")
            for part in parts:
                if b"\r\n\r\n" in part and (
                    payload := json.loads(part.split(b"\r\n\r\n", 1)[1]).get("payload")
                ):
                    yield payload["data"]

    async with streaming(served, PARTS, query) as response:
        yield read()


@pytest.mark.parametrize(
    ("transport", "name"),
    combine({each: each for each in TRANSPORTS}, {name: name for name in EXPECTED}),
)
async def test_a_live_list_begins_as_it_stands_and_goes_on_with_what_changes(
    ready_gateway: ReadyGateway,
    cache: MemoryCache,
    ticker: BuildTicker,
    transport: str,
    name: str,
) -> None:
    """The same events everywhere."""
    query, expected = EXPECTED[name]
    async with ready_gateway() as served:
        if transport == "event stream":
            connecting = on_event_stream(served, query)
        elif transport == "multipart":
            connecting = on_multipart(served, query)
        else:
            connecting = on_websocket(served, query, transport)
        async with connecting as events:
            seen = [await anext(events)]
            await cache.write([ticker(price="100")])
            seen.append(await anext(events))
    assert seen == expected
