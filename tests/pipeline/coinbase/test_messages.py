"""Coinbase's messages, from documented examples and a recorded connection."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline.sources.coinbase.messages import (
    CoinbaseError,
    CoinbaseHeartbeat,
    CoinbaseSubscriptions,
    CoinbaseTicker,
    parse_message,
)
from pipeline.sources.coinbase.tickers import confirm_ticker, to_ticker
from rates.errors import SourceProtocolError
from rates.number import format_decimal
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_messages

RECORDING = "coinbase_ws_5products_20210417.txt.gz"
TICKER = (
    b'{"type":"ticker","sequence":12042642428,"product_id":"BTC-USD","price":"9380.55","open_24h":"9450.81000000",'
    b'"volume_24h":"6555.23000000","low_24h":"9268.74","high_24h":"9498.00","volume_30d":"1.1","best_bid":"9380.54",'
    b'"best_bid_size":"0.1","best_ask":"9380.55","best_ask_size":"2.5","side":"buy","time":"2020-02-01T01:40:16.253563Z",'
    b'"trade_id":82062566,"last_size":"0.41969131"}'
)
HEARTBEAT = (
    b'{"type":"heartbeat","sequence":%d,"last_trade_id":82062566,"product_id":"BTC-USD",'
    b'"time":"2020-02-01T01:40:17.000001Z"}'
)
SYMBOL = parse_symbol("BTC/USD")


def ticker() -> CoinbaseTicker:
    raw = parse_message(TICKER)
    assert isinstance(raw, CoinbaseTicker)
    return raw


def test_a_match_is_observed_when_it_happened() -> None:
    """Price, quotes and 24 h statistics as published. There is no change in per cent."""
    made = to_ticker(ticker(), SYMBOL, received_at=START, simulated=True)
    assert made.source is Source.COINBASE
    assert made.observed_at == datetime(2020, 2, 1, 1, 40, 16, 253563, tzinfo=UTC)
    assert made.observed_at_origin is ObservedAtOrigin.SOURCE
    assert (made.sequence, made.simulated, made.received_at) == (12042642428, True, START)
    assert [str(one) for one in (made.price, made.bid, made.ask, made.high_24h, made.low_24h)] == [
        "9380.55",
        "9380.54",
        "9380.55",
        "9498.00",
        "9268.74",
    ]
    assert made.volume_24h == Decimal("6555.23000000")
    assert (made.open_24h, made.change_percent_24h) == (Decimal("9450.81000000"), Decimal("-0.7434"))
    assert made.last_trade_at == made.quoted_at == made.observed_at


@pytest.mark.parametrize("best", ["", "0", "0.00"])
def test_an_empty_side_of_the_book_is_no_price(best: str) -> None:
    """Neither empty text nor zero is a quote."""
    raw = parse_message(TICKER.replace(b'"best_bid":"9380.54"', f'"best_bid":"{best}"'.encode()))
    assert isinstance(raw, CoinbaseTicker)
    assert to_ticker(raw, SYMBOL, received_at=START, simulated=False).bid is None


def test_a_volume_of_zero_is_a_value() -> None:
    """Nothing was traded in a day."""
    raw = parse_message(TICKER.replace(b"6555.23000000", b"0"))
    assert isinstance(raw, CoinbaseTicker)
    assert to_ticker(raw, SYMBOL, received_at=START, simulated=False).volume_24h == 0


def test_messages_from_before_2021_are_read_without_sizes() -> None:
    """Unused fields may be missing."""
    raw = parse_message(TICKER.replace(b'"best_bid_size":"0.1",', b""))
    assert isinstance(raw, CoinbaseTicker)


@pytest.mark.parametrize("bad", ["abc", "NaN", "1e999"])
def test_an_invalid_number_is_an_error(bad: str) -> None:
    """It does not count as absent."""
    raw = parse_message(TICKER.replace(b"9380.54", bad.encode()))
    assert isinstance(raw, CoinbaseTicker)
    with pytest.raises(SourceProtocolError):
        to_ticker(raw, SYMBOL, received_at=START, simulated=False)


def test_a_heartbeat_confirms_the_price_and_only_an_untouched_quote() -> None:
    """With the same sequence the quotes stand; with a later one the book may have changed."""
    made = to_ticker(ticker(), SYMBOL, received_at=START, simulated=False)
    for sequence, bid in ((12042642428, made.bid), (12042642429, None)):
        heartbeat = parse_message(HEARTBEAT % sequence)
        assert isinstance(heartbeat, CoinbaseHeartbeat)
        again = confirm_ticker(made, heartbeat, received_at=START)
        assert (again.price, again.bid) == (made.price, bid)
        assert again.observed_at == datetime(2020, 2, 1, 1, 40, 17, 1, tzinfo=UTC)
        assert again.is_newer_than(made)


def test_a_response_lists_all_subscriptions() -> None:
    """Per channel; an absent channel has none."""
    answer = parse_message(
        b'{"type":"subscriptions","channels":[{"name":"ticker","product_ids":["BTC-USD","ETH-USD"],"account_ids":null},'
        b'{"name":"status"}]}'
    )
    assert isinstance(answer, CoinbaseSubscriptions)
    assert answer.products("ticker") == {"BTC-USD", "ETH-USD"}
    assert answer.products("status") == answer.products("heartbeat") == frozenset()


def test_an_error_has_both_of_its_texts() -> None:
    """The reason may be absent."""
    error = parse_message(b'{"type":"error","message":"Failed to subscribe","reason":"X-USD is not valid"}')
    assert isinstance(error, CoinbaseError)
    assert error.text == "Failed to subscribe: X-USD is not valid"
    bare = parse_message(b'{"type":"error","message":"Malformed JSON"}')
    assert isinstance(bare, CoinbaseError)
    assert bare.text == "Malformed JSON"


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"garbage",
        b"[]",
        b"{}",
        b'{"type":1}',
        TICKER[:100],
        TICKER.replace(b'"9380.55"', b"null", 1),
        b'{"type":"ticker","product_id":"BTC-USD"}',
        TICKER.replace(b"2020-02-01T", b"yesterday"),
    ],
)
def test_an_unreadable_message_is_an_error_that_shows_it(frame: bytes) -> None:
    """Never a missing price."""
    with pytest.raises(SourceProtocolError, match="saw"):
        parse_message(frame)


def test_the_recorded_connection_is_parsed_without_an_error() -> None:
    """6,450 frames of five products. Each price and time equals the text of the recording."""
    kinds, products = Counter[str](), set()
    for arrived, frame in read_messages(RECORDING):
        message = parse_message(frame)
        kinds[type(message).__name__] += 1
        if isinstance(message, CoinbaseTicker):
            made = to_ticker(
                message, SYMBOL, received_at=datetime.fromtimestamp(arrived, UTC), simulated=False
            )
            assert f'"price":"{format_decimal(made.price)}"'.encode() in frame
            assert f'"time":"{made.observed_at:%Y-%m-%dT%H:%M:%S.%f}Z"'.encode() in frame
            products.add(message.product_id)
    assert kinds == {
        "NoneType": 6277,
        "CoinbaseTicker": 85,
        "CoinbaseMatch": 85,
        "CoinbaseSubscriptions": 3,
    }
    assert len(products) == 5


def test_the_recorded_first_tickers_have_their_true_age() -> None:
    """BAND-GBP's first message was 7 s old on arrival: the last match, not a new one."""
    arrived, first = next(
        (moment, message)
        for moment, frame in read_messages(RECORDING)
        if isinstance(message := parse_message(frame), CoinbaseTicker)
    )
    assert first.product_id == "BAND-GBP"
    assert 6.8 < arrived - first.time.timestamp() < 6.9
