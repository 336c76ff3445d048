"""Coinbase's feed as a real client sees it."""

import json

import pytest
from websockets.asyncio.client import ClientConnection, connect

from simulator.coinbase.session import CoinbaseSession
from simulator.nanotime import SECOND
from tests.json_types import Json
from tests.simulator.conftest import START_NS, FakeClock, OpenSimulator, ask, closed_with, receive


def subscribe(*products: str, channels: tuple[object, ...] = ("ticker",)) -> dict[str, object]:
    return {"type": "subscribe", "product_ids": list(products), "channels": list(channels)}


async def receive_type(socket: ClientConnection, kind: str) -> Json:
    while (message := await receive(socket))["type"] != kind:
        pass
    return message


async def test_subscribing_answers_with_everything_subscribed_then_the_last_trade(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """The first ticker is a snapshot of the last trade, with its own, older time."""
    async with open_simulator(clock) as at, connect(at.coinbase_stream_url) as socket:
        assert await ask(socket, subscribe("BTC-USD")) == {
            "type": "subscriptions",
            "channels": [{"name": "ticker", "product_ids": ["BTC-USD"]}],
        }
        first = await receive(socket)
        assert (first["type"], first["product_id"], first["time"]) == (
            "ticker",
            "BTC-USD",
            "2023-11-14T22:13:59.970000Z",
        )
        await socket.send(json.dumps(subscribe("ETH-USD")))
        answer = await receive_type(socket, "subscriptions")
        assert answer["channels"] == [{"name": "ticker", "product_ids": ["BTC-USD", "ETH-USD"]}]


async def test_tickers_and_heartbeats_flow(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """Trade ids and sequences increase; a heartbeat each second names the last trade."""
    async with open_simulator(clock) as at, connect(at.coinbase_stream_url, max_queue=None) as socket:
        await ask(socket, subscribe("BTC-USD", channels=("heartbeat", {"name": "ticker", "product_ids": []})))
        clock.advance(5)
        tickers: list[Json] = []
        beats: list[Json] = []
        while len(beats) < 5:
            message = await receive(socket)
            (tickers if message["type"] == "ticker" else beats).append(message)
        ids = [message["trade_id"] for message in tickers]
        assert len(ids) > 5
        assert ids == sorted(set(ids))
        assert beats[-1]["last_trade_id"] == ids[-1]
        assert tickers[0].keys() == {
            *("type", "sequence", "product_id", "price", "open_24h", "volume_24h", "low_24h", "high_24h"),
            *("volume_30d", "best_bid", "best_bid_size", "best_ask", "best_ask_size", "side", "time"),
            *("trade_id", "last_size"),
        }  # fmt: skip


async def test_one_wrong_product_fails_the_request_and_ends_the_connection(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """The error comes before the close."""
    async with open_simulator(clock) as at, connect(at.coinbase_stream_url) as socket:
        error = await ask(socket, subscribe("BTC-USD", "NOPE-USD"))
        assert error == {
            "type": "error",
            "message": "Failed to subscribe",
            "reason": "NOPE-USD is not a valid product",
        }
        assert (await closed_with(socket))[0] == 1008


async def test_a_client_that_never_subscribes_is_closed(
    open_simulator: OpenSimulator, clock: FakeClock
) -> None:
    """After five seconds; a subscribed client stays connected."""
    async with (
        open_simulator(clock) as at,
        connect(at.coinbase_stream_url) as idle,
        connect(at.coinbase_stream_url) as busy,
    ):
        await ask(busy, subscribe("BTC-USD"))
        clock.advance(5)
        assert (await closed_with(idle))[0] == 1008
        await busy.send(json.dumps(subscribe("ETH-USD")))
        assert await receive_type(busy, "subscriptions")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Malformed JSON"),
        ("[]", "Malformed JSON"),
        ('{"type":"hello"}', "Type has to be either subscribe or unsubscribe"),
        ('{"type":"subscribe","product_ids":["BTC-USD"]}', "No channels provided"),
        ('{"type":"subscribe","product_ids":["BTC-USD"],"channels":["full"]}', "full is not a valid channel"),
        (
            '{"type":"subscribe","product_ids":"BTC-USD","channels":["ticker"]}',
            "product_ids must be a list of products",
        ),
    ],
)
def test_what_coinbase_cannot_read_is_refused(text: str, reason: str) -> None:
    """Each error has its reason."""
    reply = CoinbaseSession({"BTC-USD"}, START_NS).receive(text, START_NS)
    assert json.loads(reply.answers[0])["reason"] == reason
    assert reply.close is not None


def test_a_hundred_messages_a_second_are_the_limit() -> None:
    """The next message is a violation and closes; a second later messages are accepted."""
    session = CoinbaseSession({"BTC-USD"}, START_NS)
    text = json.dumps(subscribe("BTC-USD"))
    assert all(session.receive(text, START_NS).close is None for _ in range(100))
    assert session.receive(text, START_NS).violation == "messages_per_second"
    assert session.receive(text, START_NS + SECOND).violation is None


async def test_matches_are_a_channel_of_their_own(open_simulator: OpenSimulator, clock: FakeClock) -> None:
    """`last_match` at once, then each `match`."""
    async with open_simulator(clock) as at, connect(at.coinbase_stream_url, max_queue=None) as socket:
        await ask(socket, subscribe("BTC-USD", channels=("matches",)))
        first = await receive(socket)
        clock.advance(3)
        second = await receive(socket)
        assert (first["type"], second["type"]) == ("last_match", "match")
        assert second["trade_id"] > first["trade_id"]
