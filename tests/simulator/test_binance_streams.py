"""Binance's market streams as a real client sees them."""

import asyncio
import json
import socket as sockets

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from simulator.binance.stream_subscriptions import StreamSubscriptions
from tests.json_types import Json
from tests.simulator.conftest import (
    TIMEOUT_SECONDS,
    FakeClock,
    OpenSimulator,
    ask,
    closed_with,
    receive,
)

TRADE_KEYS = ["e", "E", "s", "t", "p", "q", "T", "m", "M"]


async def test_a_raw_connection_gets_bare_payloads(open_simulator: OpenSimulator) -> None:
    """`/ws/<stream>`: the payload alone, with the documented keys."""
    async with open_simulator() as at, connect(at.binance_stream_url + "/ws/btcusdt@trade") as socket:
        first, second = await receive(socket), await receive(socket)
        assert list(first) == TRADE_KEYS
        assert first["s"] == "BTCUSDT"
        assert (second["t"], second["E"] >= first["E"]) == (first["t"] + 1, True)


async def test_a_combined_connection_gets_wrapped_payloads(open_simulator: OpenSimulator) -> None:
    """`/stream?streams=a/b`: stream and data, also for a percent-encoded URL."""
    async with (
        open_simulator() as at,
        connect(at.binance_stream_url + "/stream?streams=btcusdt%40trade/ethusdt@bookTicker") as socket,
    ):
        seen: dict[str, Json] = {}
        while len(seen) < 2:
            message = await receive(socket)
            assert list(message) == ["stream", "data"]
            seen[message["stream"]] = message["data"]
        assert list(seen["ethusdt@bookTicker"]) == ["u", "s", "b", "B", "a", "A"]


async def test_payloads_have_the_documented_keys(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Exactly the keys of exchanges.md 1.3."""
    expected = {
        "btcusdt@aggTrade": "e E s a p q f l T m M",
        "btcusdt@miniTicker": "e E s c o h l v q",
        "btcusdt@ticker": "e E s p P w x c Q b B a A o h l v q O C F L n",
    }
    async with (
        open_simulator(clock) as at,
        # A client with a full receive queue would not see the end of the closing handshake.
        connect(at.binance_stream_url + "/stream?streams=" + "/".join(expected), max_queue=None) as socket,
    ):
        await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
        clock.advance(3)
        seen: dict[str, str] = {}
        while seen.keys() != expected.keys():
            message = await receive(socket)
            seen[message["stream"]] = " ".join(message["data"])
        assert seen == expected


async def test_the_array_of_mini_tickers_comes_once_a_second_with_what_changed(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """One array per second of fake time, with each traded symbol once."""
    async with (
        open_simulator(clock) as at,
        connect(at.binance_stream_url + "/ws/!miniTicker@arr") as socket,
    ):
        await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
        clock.advance(1)
        first = await receive(socket)
        symbols = [item["s"] for item in first]
        assert 10 < len(symbols) == len(set(symbols)) <= 66
        clock.advance(1)
        assert min(item["E"] for item in await receive(socket)) > clock.at_ns // 1_000_000 - 1000


async def test_subscribing_and_unsubscribing(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Control answers are never wrapped; after UNSUBSCRIBE no frame comes."""
    async with open_simulator(clock) as at, connect(at.binance_stream_url + "/stream") as socket:
        answer = await ask(socket, {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
        assert answer == {"result": None, "id": 1}
        clock.advance(2)
        assert (await receive(socket))["stream"] == "btcusdt@trade"
        await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "x"}))
        while "stream" in (message := await receive(socket)):
            pass
        assert message == {"result": None, "id": "x"}
        clock.advance(2)
        assert await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": None}) == {"result": [], "id": None}


async def test_an_unknown_stream_is_accepted_in_silence(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Unknown symbols and wrong case are accepted and listed, and no frame comes."""
    async with open_simulator(clock) as at, connect(at.binance_stream_url + "/ws") as socket:
        names = ["nopeusdt@trade", "BTCUSDT@trade"]
        assert (await ask(socket, {"method": "SUBSCRIBE", "params": names, "id": 1}))["result"] is None
        clock.advance(30)
        assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["result"] == names


async def test_the_combined_property_can_be_read_and_set(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """False under /ws, true under /stream.

    Setting it changes the form of the frames that follow.
    """
    async with open_simulator(clock) as at, connect(at.binance_stream_url + "/ws/btcusdt@trade") as socket:
        assert await ask(socket, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}) == {
            "result": False,
            "id": 1,
        }
        change = {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2}
        assert (await ask(socket, change))["result"] is None
        clock.advance(2)
        assert (await receive(socket))["stream"] == "btcusdt@trade"


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("{", 3),
        ('{"params":["a"],"id":1}', 2),
        ('{"method":"JUMP","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":"btcusdt@trade","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":1.5}', 2),
        ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1),
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0),
        ('{"method":"GET_PROPERTY","params":["combined",true],"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":[5],"id":1}', 2),
    ],
)
def test_a_bad_control_frame_is_refused_flat_or_nested(request_text: str, code: int) -> None:
    """Flat as documented by default, nested as seen in the field on request."""
    flat = StreamSubscriptions([], combined=False, limit=9)
    assert json.loads(flat.control(request_text))["code"] == code
    nested = StreamSubscriptions([], combined=False, limit=9, nested_errors=True)
    assert json.loads(nested.control(request_text))["error"]["code"] == code


async def test_streams_per_connection_are_limited(open_simulator: OpenSimulator) -> None:
    """A SUBSCRIBE above the limit changes nothing and is refused in the nested form.

    A URL above it is refused, too.
    """
    async with open_simulator(binance_streams_per_connection=2) as at:
        async with connect(at.binance_stream_url + "/ws/a@trade") as socket:
            refused = await ask(socket, {"method": "SUBSCRIBE", "params": ["b@trade", "c@trade"], "id": 19})
            assert refused == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 19}
            assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["result"] == ["a@trade"]
        with pytest.raises(InvalidStatus):
            await connect(at.binance_stream_url + "/stream?streams=a@trade/b@trade/c@trade")


async def test_an_unknown_path_is_not_found_but_labelled(open_simulator: OpenSimulator) -> None:
    """Refused handshakes carry the label."""
    async with open_simulator() as at:
        with pytest.raises(InvalidStatus) as refusal:
            await connect(at.binance_stream_url + "/nowhere")
        assert refusal.value.response.status_code == 404
        assert "X-Ratewire-Simulated" in refusal.value.response.headers


async def test_a_sixth_message_within_a_second_is_one_too_many(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Pings, pongs and JSON all count; a second later the budget is full again."""
    async with open_simulator(clock) as at, connect(at.binance_stream_url + "/ws") as socket:
        for _ in range(2):
            await socket.ping()
        await socket.pong()
        for number in range(2):
            await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": number})
        clock.advance(1)
        for number in range(5):
            await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": number})
        await socket.pong()
        assert await closed_with(socket) == (1008, "Too many requests")


class PingedConnection(ClientConnection):
    """A client that records the pings it receives (the library answers them)."""

    pings: asyncio.Queue[bytes]

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings.put_nowait(bytes(event.data))
        super().process_event(event)


async def test_pings_come_with_a_payload_and_a_pong_keeps_the_connection(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """A client that answers pings is never disconnected."""
    async with (
        open_simulator(clock) as at,
        connect(at.binance_stream_url + "/ws", create_connection=PingedConnection) as socket,
    ):
        assert isinstance(socket, PingedConnection)
        socket.pings = asyncio.Queue()
        for _ in range(8):
            clock.advance(20)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                assert await socket.pings.get() == str(clock.at_ns // 1_000_000).encode()
                await (await socket.ping())  # its pong proves that our pong has arrived
        assert socket.close_code is None


async def test_a_client_without_pongs_is_cut(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """A socket that never answers the ping is closed with 1008 sixty seconds after it."""
    async with open_simulator(clock) as at:
        port = int(at.binance_stream_url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await reader.readuntil(b"\r\n\r\n")
            clock.advance(20)
            ping = await reader.readexactly(2)
            assert ping[0] == 0x89
            assert (await reader.readexactly(ping[1])).decode() == str(clock.at_ns // 1_000_000)
            clock.advance(59)
            again = await reader.readexactly(2)
            assert again[0] == 0x89
            await reader.readexactly(again[1])
            clock.advance(1)
            close = await reader.readexactly(2)
            assert close[0] == 0x88
            assert await reader.readexactly(close[1]) == (1008).to_bytes(2) + b"Pong timeout"
        writer.close()
        await writer.wait_closed()


async def test_a_connection_has_a_greatest_age(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Both socket services cut after 24 hours."""
    async with (
        open_simulator(clock, binance_connection_lifetime_seconds=10) as at,
        connect(at.binance_stream_url + "/ws") as stream,
        connect(at.binance_ws_api_url) as api,
    ):
        clock.advance(10)
        assert (await closed_with(stream))[0] == 1001
        assert (await closed_with(api))[0] == 1001


async def test_stopping_the_simulator_closes_with_1001(open_simulator: OpenSimulator) -> None:
    """Clients see 1001, and both ports are free again."""
    async with open_simulator() as at:
        socket = await connect(at.binance_stream_url + "/ws/btcusdt@bookTicker")
        await receive(socket)
    assert (await closed_with(socket))[0] == 1001
    with sockets.create_server(("127.0.0.1", int(at.binance_stream_url.rpartition(":")[2]))):
        pass
