"""Binance's protocol without a socket: messages that it sends, and events that it returns."""

import itertools
import json

import pytest

from pipeline.feeds.protocol import GoingAway, SymbolActivity, SymbolRejected
from pipeline.sources.binance.protocol import NAMES_PER_MESSAGE, BinanceProtocol
from pipeline.sources.binance.symbols import MAX_STREAMS, MAX_SYMBOLS, stream_names
from rates.errors import SourceProtocolError, SourceUnavailable
from rates.ticker import Ticker
from tests.pipeline.fakes import BTC, ETH, START, instrument

# Binance: messages in a second, of which a pong and a ping are not ours to plan.
MESSAGES_PER_SECOND, UNPLANNED = 5, 2
PACE_S, MAX_READ_BYTES = 0.5, 4088
CONFIRMED = b'{"result":null,"id":1}'
TRADE = (
    b'{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":7,"p":"61837.63000000","q":"0.02","T":1723161255342}'
)


def frame(stream: str, data: bytes) -> bytes:
    return b'{"stream":"%s","data":%s}' % (stream.encode(), data)


@pytest.fixture
def protocol() -> BinanceProtocol:
    protocol = BinanceProtocol(simulated=False)
    protocol.track([instrument("BTC/USDT"), instrument("ETH/USDT")])
    return protocol


def sent(protocol: BinanceProtocol, now: float) -> dict[str, object] | None:
    message = protocol.next_message(now)
    return None if message is None else json.loads(message)


def test_all_channels_of_all_symbols_are_subscribed_in_lower_case(protocol: BinanceProtocol) -> None:
    """In one message. Upper case would be accepted and stay silent."""
    names = list(stream_names(["BTCUSDT", "ETHUSDT"]))
    assert sent(protocol, 0) == {"method": "SUBSCRIBE", "params": names, "id": 1}
    assert "btcusdt@bookTicker" in names
    assert sent(protocol, PACE_S) is None


def test_a_full_connection_keeps_the_message_rate() -> None:
    """No second has so many messages that there is no room for pongs."""
    protocol = BinanceProtocol(simulated=False)
    protocol.track([instrument(f"A{number}/USDT") for number in range(MAX_SYMBOLS)])
    moments, subscribed = [], set()
    for tenth in range(50):
        if (message := sent(protocol, tenth / 10)) is not None:
            moments.append(tenth / 10)
            params = message["params"]
            assert isinstance(params, list)
            assert len(params) <= NAMES_PER_MESSAGE
            subscribed |= set(params)
            protocol.receive(b'{"result":null,"id":%d}' % len(moments), START)
    assert len(subscribed) == MAX_SYMBOLS * 3
    assert len(subscribed) <= MAX_STREAMS
    for begin in moments:
        in_second = [moment for moment in moments if begin <= moment <= begin + 1]
        assert len(in_second) <= MESSAGES_PER_SECOND - UNPLANNED


def test_changes_of_the_instruments_are_subscribed(protocol: BinanceProtocol) -> None:
    """Removed ones first, then new ones."""
    sent(protocol, 0)
    protocol.receive(CONFIRMED, START)
    protocol.track([instrument("ETH/USDT"), instrument("SOL/USDT")])
    assert sent(protocol, PACE_S) == {
        "method": "UNSUBSCRIBE",
        "params": sorted(stream_names(["BTCUSDT"])),
        "id": 2,
    }
    assert sent(protocol, 2 * PACE_S) == {
        "method": "SUBSCRIBE",
        "params": list(stream_names(["SOLUSDT"])),
        "id": 3,
    }
    assert sent(protocol, 3 * PACE_S) is None


def test_a_resubscribed_symbol_is_unsubscribed_and_subscribed(protocol: BinanceProtocol) -> None:
    """Only its own streams."""
    sent(protocol, 0)
    protocol.receive(CONFIRMED, START)
    protocol.resubscribe([BTC])
    methods = [sent(protocol, number * PACE_S) for number in (1, 2, 3)]
    assert [message and message["method"] for message in methods] == ["UNSUBSCRIBE", "SUBSCRIBE", None]
    assert [message and len(message["params"]) for message in methods[:2]] == [3, 3]  # type: ignore[arg-type]


def test_no_subscription_is_longer_than_the_server_reads() -> None:
    """68 pairs with long names took 4,366 bytes at once, of which the server reads 4,088."""
    protocol = BinanceProtocol(simulated=False)
    protocol.track([instrument(f"NAME{number:02}{'X' * (number % 3)}/USDT") for number in range(68)])
    names: list[str] = []
    for number in range(1, 4):
        message = protocol.next_message(number * PACE_S)
        if message is not None:
            assert len(message.encode()) <= MAX_READ_BYTES
            names += json.loads(message)["params"]
            protocol.receive(b'{"result":null,"id":%d}' % number, START)
    assert len(set(names)) == len(names) == 68 * 3


def test_unanswered_control_messages_are_a_failure(protocol: BinanceProtocol) -> None:
    """A single stream is not answered either: a new connection is better."""
    counts = []

    def send_for_ever() -> None:
        for tenth in itertools.count():
            if (message := sent(protocol, tenth / 10)) is not None:
                assert isinstance(message["params"], list)
                counts.append(len(message["params"]))

    with pytest.raises(SourceUnavailable):
        send_for_ever()
    assert counts[:3] == [6, 3, 3]
    assert counts[-1] == 1


@pytest.mark.parametrize(
    "error",
    [
        b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}',
        b'{"code":4,"msg":"Too many subscriptions"}',
    ],
)
def test_the_symbols_of_a_rejected_message_are_rejected_and_not_requested_again(
    protocol: BinanceProtocol, error: bytes
) -> None:
    """With both forms of errors. `resubscribe` requests them again."""
    sent(protocol, 0)
    said = "4 Too many subscriptions"
    assert list(protocol.receive(error, START)) == [SymbolRejected(BTC, said), SymbolRejected(ETH, said)]
    assert sent(protocol, PACE_S) is None
    protocol.resubscribe([ETH])
    assert sent(protocol, 2 * PACE_S) == {
        "method": "SUBSCRIBE",
        "params": list(stream_names(["ETHUSDT"])),
        "id": 2,
    }


def test_messages_become_events_of_their_kind(protocol: BinanceProtocol) -> None:
    """A trade is a ticker, a book without a time is activity, a shutdown is the end."""
    (made,) = protocol.receive(frame("btcusdt@trade", TRADE), START)
    assert isinstance(made, Ticker)
    assert (str(made.price), made.sequence) == ("61837.63000000", 7)
    book = b'{"u":1,"s":"BTCUSDT","b":"1.0","B":"1","a":"1.1","A":"1"}'
    assert list(protocol.receive(frame("btcusdt@bookTicker", book), START)) == [SymbolActivity(BTC)]
    shutdown = protocol.receive(frame("!serverShutdown", b'{"e":"serverShutdown","E":1}'), START)
    assert [type(event) for event in shutdown] == [GoingAway]
    assert not protocol.receive(b'{"result":null,"id":1}', START)
    assert not protocol.receive(frame("btcusdt@newKind", b"{}"), START)


def test_an_unreadable_message_does_not_affect_the_next_one(protocol: BinanceProtocol) -> None:
    """The next message is parsed as usual."""
    for garbage in (
        b"",
        b"<html>",
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":"soon"}}',
        b"[]",
        TRADE[:-9],
    ):
        with pytest.raises(SourceProtocolError):
            protocol.receive(garbage, START)
    assert protocol.receive(frame("btcusdt@trade", TRADE), START)
