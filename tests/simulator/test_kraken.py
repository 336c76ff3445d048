"""Kraken's v2 feed as a real client sees it."""

import json

import pytest
from websockets.asyncio.client import ClientConnection, connect

from simulator.kraken.session import KrakenSession
from simulator.nanotime import SECOND
from tests.json_types import Json
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator, closed_with, receive


def subscribe(*symbols: str, **params: object) -> str:
    wanted = {"channel": "ticker", "symbol": list(symbols), **params}
    return json.dumps({"method": "subscribe", "params": wanted, "req_id": 7})


async def receive_ticker(socket: ClientConnection) -> Json:
    while (message := await receive(socket)).get("channel") != "ticker":
        pass
    return message


async def test_a_connection_is_greeted_with_the_status(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Its connection id exceeds the precision of a double."""
    async with open_simulator(clock) as at, connect(at.kraken_stream_url) as socket:
        greeting = await receive(socket)
        assert (greeting["channel"], greeting["data"][0]["system"]) == ("status", "online")
        assert greeting["data"][0]["connection_id"] > 2**53


async def test_each_symbol_is_answered_on_its_own(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """A wrong symbol is refused by name, the others continue.

    Snapshots come first, then updates.
    """
    async with open_simulator(clock) as at, connect(at.kraken_stream_url, max_queue=None) as socket:
        await receive(socket)
        await socket.send(subscribe("BTC/USD", "XBT/USD", "ETH/USD"))
        answers = [await receive(socket) for _ in range(3)]
        assert [answer["success"] for answer in answers] == [True, False, True]
        assert answers[0]["result"] == {"channel": "ticker", "symbol": "BTC/USD", "snapshot": True}
        assert answers[1]["error"] == "Currency pair not supported XBT/USD"
        assert answers[1]["symbol"] == "XBT/USD"
        assert {answer["req_id"] for answer in answers} == {7}
        snapshots = [await receive(socket) for _ in range(2)]
        assert [(each["type"], each["data"][0]["symbol"]) for each in snapshots] == [
            ("snapshot", "BTC/USD"),
            ("snapshot", "ETH/USD"),
        ]
        clock.advance(4)
        update = await receive_ticker(socket)
        assert update["type"] == "update"
        assert isinstance(update["data"][0]["last"], float)


async def test_a_heartbeat_comes_when_nothing_else_flows(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """Only with a subscription; without one nothing comes."""
    async with open_simulator(clock) as at, connect(at.kraken_stream_url) as socket:
        await receive(socket)
        await socket.send(subscribe("WBTC/USD", snapshot=False))
        assert (await receive(socket))["success"]
        for _ in range(20):
            clock.advance(1)
            if (await receive(socket)) == {"channel": "heartbeat"}:
                return
        pytest.fail("twenty seconds without a heartbeat")


def test_a_subscription_without_snapshot_gets_none() -> None:
    """`snapshot: false` suppresses the initial message."""
    session = KrakenSession({"BTC/USD"}, START_NS, lambda: START_NS)
    reply = session.receive(subscribe("BTC/USD", snapshot=False, event_trigger="bbo"), START_NS)
    assert reply.subscribed == ["kraken:ticker:bbo:BTC/USD"]
    assert reply.without_snapshot == {"kraken:ticker:bbo:BTC/USD"}


def test_a_ping_is_answered_with_its_number() -> None:
    """`method: pong` with both times."""
    session = KrakenSession({"BTC/USD"}, START_NS, lambda: START_NS)
    answer = json.loads(session.receive('{"method":"ping","req_id":42}', START_NS).answers[0])
    assert (answer["method"], answer["req_id"]) == ("pong", 42)
    assert answer.keys() == {"method", "req_id", "time_in", "time_out"}


@pytest.mark.parametrize("text", ["{", "[]", '{"method":"dance"}', '{"method":"subscribe","params":[]}'])
def test_what_kraken_cannot_read_is_refused(text: str) -> None:
    """With `success: false`; the connection stays open."""
    session = KrakenSession({"BTC/USD"}, START_NS, lambda: START_NS)
    reply = session.receive(text, START_NS)
    assert json.loads(reply.answers[0])["success"] is False
    assert reply.close is None


def test_too_many_messages_are_refused_without_a_close() -> None:
    """`Exceeded msg rate`, counted as a violation."""
    session = KrakenSession({"BTC/USD"}, START_NS, lambda: START_NS)
    replies = [session.receive('{"method":"ping"}', START_NS) for _ in range(51)]
    assert json.loads(replies[-1].answers[0]) == {"Error": "Exceeded msg rate"}
    assert [reply.violation for reply in replies].count("messages_per_second") == 1
    assert session.receive('{"method":"ping"}', START_NS + SECOND).violation is None


async def test_an_unused_connection_is_cut_after_a_minute(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """No subscription and no message for a minute."""
    async with open_simulator(clock) as at, connect(at.kraken_stream_url) as socket:
        await receive(socket)
        clock.advance(60)
        assert (await closed_with(socket))[0] == 1001


async def test_trades_are_a_channel_of_their_own(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Without a snapshot unless requested; `event_trigger` does not apply."""
    async with open_simulator(clock) as at, connect(at.kraken_stream_url, max_queue=None) as socket:
        await receive(socket)
        request = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"]}}
        await socket.send(json.dumps(request))
        answer = await receive(socket)
        assert answer["result"] == {"channel": "trade", "symbol": "BTC/USD", "snapshot": False}
        clock.advance(4)
        while (message := await receive(socket)).get("channel") != "trade":
            pass
        trade = message["data"][0]
        assert (message["type"], trade.keys()) == (
            "update",
            {"symbol", "side", "price", "qty", "ord_type", "trade_id", "timestamp"},
        )
