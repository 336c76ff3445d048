"""Compressed WebSocket messages.

For clients that offer them, once for all connections, and off by default.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets import Frame
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Opcode
from websockets.typing import ExtensionParameter

from cache.memory import MemoryCache
from gateway.fastpath.payload import EncodedPayload, Envelope, FrameEncoder
from gateway.turn_budget import TurnBudget
from gateway.websocket.compression import MIN_BYTES, WINDOW_BITS, compress
from gateway.websocket.protocol import encode_compressed_frame, encode_text_frame
from gateway.websocket.subscriber import WebSocketSubscriber
from gateway.websocket.write_queue import WriteQueue
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import LEGACY, MODERN, raw_socket
from tests.gateway.websocket.test_write_queue import NarrowWriter, fail_on_stall
from tests.json_types import JsonObject

# One rate, said so often that the message is worth compressing.
FIELDS = "kind cursor " + " ".join(f"c{n}: items {{ id symbol price }}" for n in range(40))
WIDE = f"subscription {{ rates {{ {FIELDS} }} }}"
RESUMABLE = f"subscription ($after: String) {{ rates(after: $after) {{ {FIELDS} }} }}"


class CountingDeflate(PerMessageDeflate):
    """Counts the messages that came compressed."""

    compressed = 0

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        self.compressed += frame.rsv1
        return super().decode(frame, max_size=max_size)


class Offer(ClientPerMessageDeflateFactory):
    """A client's offer of compression; `agreed` lists the outcomes."""

    def __init__(self, **terms: int) -> None:
        super().__init__(**terms)  # type: ignore[arg-type]  # bool or int by name
        self.agreed: list[CountingDeflate] = []

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> CountingDeflate:
        extension = super().process_response_params(params, accepted_extensions)
        extension.__class__ = CountingDeflate
        assert isinstance(extension, CountingDeflate)
        self.agreed.append(extension)
        return extension

    @property
    def compressed(self) -> int:
        return sum(each.compressed for each in self.agreed)


async def events(
    url: str, cache: MemoryCache, ticker: BuildTicker, offer: Offer, protocol: str = MODERN
) -> list[JsonObject]:
    """A snapshot and an update, as a client sees them that offers this.

    What it sends itself is compressed if the offer is taken.
    """
    await cache.write([ticker(price="1", sequence=1)])
    async with raw_socket(url, protocol, compression=None, extensions=[offer]) as client:
        await client.start("1", WIDE)
        snapshot = await client.receive()
        await cache.write([ticker(price="2", sequence=2)])
        return [each["payload"]["data"]["rates"] for each in (snapshot, await client.receive())]


@pytest.mark.parametrize("protocol", [MODERN, LEGACY])
async def test_a_client_that_offers_it_reads_the_same_in_fewer_bytes(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, protocol: str
) -> None:
    """Both events come compressed, the short messages before them as they are."""
    offer = Offer(client_max_window_bits=True)
    async with ready_gateway(ws_compression=True) as served:
        seen = await events(served.ws, cache, ticker, offer, protocol)
    (agreed,) = offer.agreed
    assert agreed.local_no_context_takeover
    assert agreed.remote_no_context_takeover
    assert agreed.compressed == 2
    assert [event["kind"] for event in seen] == ["SNAPSHOT", "UPDATE"]
    assert [event["c39"][0]["price"] for event in seen] == ["1", "2"]


async def test_nothing_is_compressed_unless_it_is_switched_on(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """By default the offer is not taken."""
    offer = Offer(client_max_window_bits=True)
    async with ready_gateway() as served:
        seen = await events(served.ws, cache, ticker, offer)
    assert offer.agreed == []
    assert len(seen) == 2


async def test_a_client_that_has_less_memory_than_a_message_needs_gets_it_plain(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """It asked for a smaller window: what is compressed for the others is not for it."""
    offer = Offer(server_max_window_bits=WINDOW_BITS - 1)
    async with ready_gateway(ws_compression=True) as served:
        seen = await events(served.ws, cache, ticker, offer)
    assert len(offer.agreed) == 1
    assert offer.compressed == 0
    assert len(seen) == 2


async def test_compressed_or_not_readers_are_told_the_same(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Readers of one cohort, who differ in what their connections agreed to."""
    await cache.write([ticker(price="1", sequence=1)])
    async with ready_gateway(ws_compression=True) as served, AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(raw_socket(served.ws, compression=compression))
            for compression in ("deflate", None, "deflate", None)
        ]
        for client in clients:
            await client.start("1", WIDE)
        snapshots = [await client.receive() for client in clients]
        await cache.write([ticker(price="2", sequence=2)])
        updates = [await client.receive() for client in clients]
    assert len({str(message) for message in updates}) == 1
    assert {message["payload"]["data"]["rates"]["c0"][0]["price"] for message in snapshots} == {"1"}


async def test_a_message_that_is_longer_than_allowed_once_unpacked_is_refused(
    ready_gateway: ReadyGateway,
) -> None:
    """A few bytes that would become a hundred times the limit."""
    async with (
        ready_gateway(ws_compression=True, max_body_bytes=10_000) as served,
        raw_socket(served.ws, compression="deflate") as client,
    ):
        await client.send(" " * 1_000_000)
        assert (await client.closed())[0] == 1009


async def test_npm_graphql_ws_reads_compressed_messages(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The `ws` library of Node, which offers compression by itself."""
    await cache.write([ticker(price="1")])
    async with (
        ready_gateway(ws_compression=True) as served,
        node_client("graphql_ws_resume.mjs", RESUMABLE, "1", served.ws) as client,
    ):
        line = await client.line()
        assert line["kind"] == "SNAPSHOT"
        assert line["c39"] == [{"id": "Rate:BINANCE:BTC/USDT", "symbol": "BTC/USDT", "price": "1"}]


class CollectingWriter(NarrowWriter):
    """Always writable; frames are encoded by a function of the test."""

    def __init__(self, encode_frame: FrameEncoder) -> None:
        super().__init__()
        self.room = 1_000
        self.encode_frame = encode_frame  # type: ignore[assignment]  # as the protocol does for compressed frames


def deliver(payload: EncodedPayload, encode_frame: FrameEncoder, envelope: Envelope) -> bytes:
    """The frame that a subscriber writes."""
    writer = CollectingWriter(encode_frame)
    queue = WriteQueue(writer, stall_s=60, on_stalled=fail_on_stall, budget=TurnBudget())
    WebSocketSubscriber(queue, envelope, lambda _: None).deliver(payload)
    queue.close()
    return writer.written[-1]


async def test_a_payload_is_framed_once_for_each_kind_of_connection() -> None:
    """Connections of both kinds alternate, without another compression."""
    calls: list[bytes] = []

    def plain(message: bytes) -> bytes:
        calls.append(message)
        return b"p" + message

    def compressed(message: bytes) -> bytes:
        calls.append(message)
        return b"c" + message

    payload = EncodedPayload(b"body")
    frames = [deliver(payload, kind, (b"<", b">")) for _ in range(3) for kind in (plain, compressed)]
    assert frames == [b"p<body>", b"c<body>"] * 3
    assert len(calls) == 2
    assert deliver(payload, plain, (b"[", b"]")) == b"p[body]"


@given(st.binary(max_size=3000).map(lambda data: data * 3))
def test_what_is_compressed_unpacks_to_the_same(message: bytes) -> None:
    """By the library's own reader of the extension, message after message on one connection."""
    reader = PerMessageDeflate(True, True, WINDOW_BITS, WINDOW_BITS)
    for _ in range(2):
        frame = Frame(Opcode.TEXT, compress(message), fin=True, rsv1=True)
        assert bytes(reader.decode(frame).data) == message


@pytest.mark.parametrize("length", [0, 125, 126, MIN_BYTES - 1, MIN_BYTES, 65_535, 200_000])
def test_short_messages_stay_as_they_are(length: int) -> None:
    """Compressing would not make them shorter."""
    message = b"a" * length
    frame = encode_compressed_frame(message)
    if length < MIN_BYTES:
        assert frame == encode_text_frame(message)
    else:
        assert frame[0] == 0xC1
        assert len(frame) < len(encode_text_frame(message))
