"""Bybit's spot feed as a real client sees it."""

import json

import pytest
from websockets.asyncio.client import ClientConnection, connect

from simulator.bybit.session import BybitSession
from tests.json_types import Json
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator, ask, closed_with, receive


def subscribe(*topics: str, op: str = "subscribe") -> dict[str, object]:
    return {"op": op, "args": list(topics), "req_id": "1"}


async def receive_topic(socket: ClientConnection, topic: str) -> Json:
    while (message := await receive(socket)).get("topic") != topic:
        pass
    return message


async def test_a_ticker_is_always_a_full_snapshot_without_bid_and_ask(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """One answer to the request, the current ticker at once, then one per trade."""
    async with open_simulator(clock) as at, connect(at.bybit_stream_url, max_queue=None) as socket:
        answer = await ask(socket, subscribe("tickers.BTCUSDT", "tickers.ETHUSDT"))
        assert (answer["success"], answer["ret_msg"], answer["req_id"], answer["op"]) == (
            True, "", "1", "subscribe",
        )  # fmt: skip
        first = await receive(socket)
        assert (first["topic"], first["type"]) == ("tickers.BTCUSDT", "snapshot")
        assert first["data"].keys() == {
            *("symbol", "lastPrice", "highPrice24h", "lowPrice24h", "prevPrice24h", "volume24h"),
            *("turnover24h", "price24hPcnt", "usdIndexPrice"),
        }  # fmt: skip
        await receive(socket)
        clock.advance(2)
        update = await receive_topic(socket, "tickers.BTCUSDT")
        assert update["type"] == "snapshot"
        assert (update["ts"] > first["ts"], update["cs"] > first["cs"]) == (True, True)


async def test_the_book_begins_with_a_snapshot_and_goes_on_with_deltas(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """One level on each side, bid below ask."""
    async with open_simulator(clock) as at, connect(at.bybit_stream_url, max_queue=None) as socket:
        await ask(socket, subscribe("orderbook.1.BTCUSDT"))
        first = await receive(socket)
        assert first["type"] == "snapshot"
        clock.advance(2)
        delta = await receive(socket)
        assert delta["type"] == "delta"
        assert float(delta["data"]["b"][0][0]) < float(delta["data"]["a"][0][0])
        assert delta["data"]["u"] > first["data"]["u"]


async def test_a_ping_is_answered(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """In the form of public connections."""
    async with open_simulator(clock) as at, connect(at.bybit_stream_url) as socket:
        answer = await ask(socket, {"op": "ping", "req_id": "9"})
        assert (answer["success"], answer["ret_msg"], answer["op"], answer["req_id"]) == (
            True, "pong", "ping", "9",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("topics", "message", "violation"),
    [
        (["tickers.BTCUSDT"] * 11, "args size >10", "arguments_per_request"),
        (["tickers.BTCUSDT", "tickers.NOPE"], "Invalid topic: tickers.NOPE", None),
        (["klines.BTCUSDT"], "Invalid topic: klines.BTCUSDT", None),
    ],
)
def test_a_request_is_refused_as_a_whole(topics: list[str], message: str, violation: str | None) -> None:
    """Nothing of it is subscribed."""
    reply = BybitSession({"BTCUSDT"}, START_NS).receive(json.dumps(subscribe(*topics)), START_NS)
    answer = json.loads(reply.answers[0])
    assert (answer["success"], answer["ret_msg"]) == (False, message)
    assert (reply.subscribed, reply.violation) == ([], violation)


def test_what_bybit_cannot_read_is_refused() -> None:
    """The connection stays open."""
    reply = BybitSession({"BTCUSDT"}, START_NS).receive("{", START_NS)
    assert json.loads(reply.answers[0])["success"] is False
    assert reply.close is None


async def test_ten_minutes_of_silence_on_both_sides_end_the_connection(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """A ping counts."""
    async with open_simulator(clock, max_lag_seconds=1) as at, connect(at.bybit_stream_url) as socket:
        clock.advance(599)
        await ask(socket, {"op": "ping"})
        clock.advance(599)
        await ask(socket, {"op": "ping"})
        clock.advance(600)
        assert (await closed_with(socket))[0] == 1001


async def test_trades_are_a_topic_of_their_own(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """A list of one trade, with its time."""
    async with open_simulator(clock) as at, connect(at.bybit_stream_url, max_queue=None) as socket:
        await ask(socket, subscribe("publicTrade.BTCUSDT"))
        clock.advance(3)
        trade = (await receive_topic(socket, "publicTrade.BTCUSDT"))["data"][0]
        assert trade.keys() == {"i", "T", "p", "v", "S", "seq", "s", "BT", "RPI"}
