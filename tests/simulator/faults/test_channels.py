"""Faults of single channels, of sequence numbers, and of messages that clients must survive."""

import asyncio
import json

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.lengths import combine
from tests.simulator.conftest import TIMEOUT_SECONDS, FakeClock, OpenSimulator, ask, receive, receive_text
from tests.simulator.faults.conftest import FEEDS, Feed, heal, inject
from tests.simulator.faults.test_messages import read_while_time_moves, until


def topics(*names: str) -> dict[str, object]:
    return {"op": "subscribe", "args": list(names), "req_id": "1"}


async def buffered(socket: ClientConnection) -> list[str]:
    """All messages that have arrived, until none has come for a moment: the clock stands still."""
    texts: list[str] = []
    try:
        while True:
            async with asyncio.timeout(0.3):
                texts.append(await receive_text(socket))
    except TimeoutError:
        return texts


async def test_one_channel_dies_while_the_other_goes_on(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Bybit's book of BTC is silent.

    Its tickers and the book of ETH continue; after healing it is back.
    """
    books = 0

    def ten_others(text: str) -> bool:
        nonlocal books
        topic = json.loads(text).get("topic", "")
        books = 0 if topic == "orderbook.1.BTCUSDT" else books + (topic == "tickers.BTCUSDT")
        return books == 10

    async with open_simulator(clock) as at, connect(at.bybit_stream_url, max_queue=None) as socket:
        await ask(socket, topics("orderbook.1.BTCUSDT", "tickers.BTCUSDT", "orderbook.1.ETHUSDT"))
        await inject(at, "bybit", "dead-channel", symbols=["BTC/USDT"], parameters={"channel": "book"})
        await read_while_time_moves(socket, clock, ten_others)
        await heal(at)
        await read_while_time_moves(socket, clock, lambda text: "orderbook.1.BTCUSDT" in text)


async def test_an_open_subscription_dies_until_it_is_renewed(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed
) -> None:
    """With scope=open nothing comes on this connection.

    A new subscription works although the fault is active.
    """
    async with open_simulator(clock) as at, feed.connect(at) as socket, feed.connect(at) as renewed:
        await socket.send(feed.subscribe)
        await until(feed, socket, clock, lambda seen: len(seen) >= 2)
        injected = await inject(
            at, feed.source, "dead-channel", parameters={"channel": "ticker", "scope": "open"}
        )
        assert injected["hits"] >= 2
        await renewed.send(feed.subscribe)
        if feed.source == "binance":  # its address subscribes at once: this connection was open, too
            await renewed.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["btcusdt@ticker"], "id": 2}))
            await renewed.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@ticker"], "id": 3}))
        alive = await until(feed, renewed, clock, lambda seen: len(seen) >= 3)
        # What was on its way when the subscriptions died is still read; nothing newer is.
        dead = [feed.read(text) for text in await buffered(socket) if feed.is_about_btc(text)]
        assert max(map(feed.time_of, dead), default="") < feed.time_of(alive[-1])


async def test_a_channel_that_a_source_does_not_have_is_refused(open_simulator: OpenSimulator) -> None:
    """Kraken sends no heartbeat per symbol."""
    async with open_simulator() as at:
        with pytest.raises(AssertionError, match="heartbeat"):
            await inject(at, "kraken", "dead-channel", parameters={"channel": "heartbeat"})


async def test_trade_ids_restart_while_time_advances(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Coinbase's trade ids go back to 1000, and times do not.

    After healing the old ids continue.
    """
    async with open_simulator(clock) as at, connect(at.coinbase_stream_url, max_queue=None) as socket:
        await ask(socket, {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["ticker"]})
        first = await receive(socket)
        await inject(at, "coinbase", "sequence-reset")
        seen: list[str] = []

        def three(text: str) -> bool:
            seen.append(text)
            return len(seen) >= 3

        await read_while_time_moves(socket, clock, three)
        ids = [json.loads(text)["trade_id"] for text in seen]
        assert ids == [1000, 1001, 1002]
        assert all(json.loads(text)["time"] > first["time"] for text in seen)
        await heal(at)
        await read_while_time_moves(
            socket, clock, lambda text: json.loads(text)["trade_id"] > first["trade_id"]
        )


async def test_requests_above_a_size_are_ignored(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """OKX answers the small one only."""

    def subscribe(*instruments: str) -> str:
        args = [{"channel": "tickers", "instId": one} for one in instruments]
        return json.dumps({"op": "subscribe", "args": args})

    async with open_simulator(clock) as at, connect(at.okx_stream_url) as socket:
        fault = await inject(at, "okx", "ignored-requests", parameters={"max_bytes": 100})
        await socket.send(subscribe("BTC-USDT", "ETH-USDT"))
        await socket.send(subscribe("SOL-USDT"))
        assert (await receive(socket))["arg"]["instId"] == "SOL-USDT"
        assert [one["hits"] for one in await heal(at)] == [1]
        assert fault["hits"] == 0


async def test_binance_ignores_a_subscribe_above_its_size(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """4,088 bytes are answered, one more is not."""
    head, tail = '{"method":"SUBSCRIBE","id":1,"params":["', '@trade"]}'
    longest = head + "x" * (4088 - len(head) - len(tail)) + tail
    async with open_simulator(clock) as at, connect(at.binance_stream_url + "/ws") as socket:
        assert await ask(socket, longest) == {"result": None, "id": 1}
        await socket.send(longest.replace("x", "xx", 1))
        assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 2}))["id"] == 2


@pytest.mark.parametrize(
    ("feed", "form"), combine(FEEDS, {form: form for form in ("not-utf8", "no-zone", "nested")})
)
async def test_odd_messages_come_between_valid_ones(
    open_simulator: OpenSimulator, clock: FakeClock, feed: Feed, form: str
) -> None:
    """A byte that is no UTF-8, times without a zone, deep nesting; valid messages continue."""

    def is_odd(data: bytes) -> bool:
        match form:
            case "not-utf8":
                return b"\xff" in data
            case "nested":
                return b"[" * 4000 in data
        return b"-14T" in data and b'Z"' not in data.partition(b"-14T")[2][:20]

    async with open_simulator(clock) as at, feed.connect(at) as socket:
        await socket.send(feed.subscribe)
        await inject(at, feed.source, "odd-frames", symbols=[feed.symbol], parameters={"form": form})
        odd = valid_after = 0

        async def read() -> None:
            nonlocal odd, valid_after
            while odd < 2 or not valid_after:
                data = await socket.recv(decode=False)
                assert isinstance(data, bytes)
                if is_odd(data):
                    odd += 1
                elif odd and feed.is_about_btc(data.decode()):
                    valid_after += 1

        async with asyncio.timeout(TIMEOUT_SECONDS), asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read())
            while not reading.done():
                clock.advance(0.5)
                await clock.read()


async def test_kraken_announces_maintenance_and_takes_it_back(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """A status with an entry in a list, on open and on new connections.

    After healing the lists are empty.
    """
    async with open_simulator(clock) as at, connect(at.kraken_stream_url) as socket:
        await receive(socket)
        for form, field in (("maintenance", "upcoming_maintenance"), ("emergency", "emergency")):
            await inject(at, "kraken", "advisory", parameters={"form": form})
            status = (await receive(socket))["data"][0]
            assert (status["system"], len(status[field])) == ("online", 1)
            async with connect(at.kraken_stream_url) as other:
                assert "emergency" not in (await receive(other))["data"][0]
                assert len((await receive(other))["data"][0][field]) == 1
            await heal(at)
            status = (await receive(socket))["data"][0]
            assert (status["upcoming_maintenance"], status["emergency"]) == ([], [])
