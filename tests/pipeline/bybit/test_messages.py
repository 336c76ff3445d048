"""Bybit's messages, from documented examples. There is no recording."""

from decimal import Decimal

import msgspec
import pytest

from pipeline.sources.bybit.messages import (
    BybitBookEvent,
    BybitResponse,
    BybitTickerEvent,
    parse_message,
)
from pipeline.sources.bybit.symbols import split_topic, topics
from pipeline.sources.bybit.tickers import UNKNOWN, BestPrices, apply_book, to_ticker
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.number import format_decimal
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from tests.pipeline.fakes import START

SYMBOL = parse_symbol("BTC/USDT")
TICKER = (
    b'{"topic":"tickers.BTCUSDT","ts":1673853746003,"type":"snapshot","cs":2588407389,"data":{"symbol":"BTCUSDT",'
    b'"lastPrice":"21109.77","highPrice24h":"21426.99","lowPrice24h":"20575","prevPrice24h":"20704.93",'
    b'"volume24h":"6780.866843","turnover24h":"141946527.22907118","price24hPcnt":"0.0196","usdIndexPrice":"21120.2400136"}}'
)
BOOK = (
    b'{"topic":"orderbook.1.BTCUSDT","ts":1672304484978,"type":"%s","data":{"s":"BTCUSDT","b":%s,"a":%s,'
    b'"u":18521288,"seq":7961638724},"cts":1672304484976}'
)
BOOK_AT = parse_ms(1672304484978)
BEST = BestPrices(bid=Decimal(1), ask=Decimal(2))


def event(frame: bytes = TICKER) -> BybitTickerEvent:
    message = parse_message(frame)
    assert isinstance(message, BybitTickerEvent)
    return message


def book(kind: bytes = b"snapshot", bids: bytes = b"[]", asks: bytes = b"[]") -> BybitBookEvent:
    message = parse_message(BOOK % (kind, bids, asks))
    assert isinstance(message, BybitBookEvent)
    return message


def test_a_ticker_is_read_with_the_time_and_order_of_its_message() -> None:
    """Best prices come from the book. The index price is ignored."""
    for frame in (TICKER, TICKER.replace(b"21120.2400136", b"")):
        made = to_ticker(event(frame), BEST, SYMBOL, received_at=START, simulated=True)
        assert made is not None
        assert made.source is Source.BYBIT
        assert (made.observed_at, made.sequence) == (parse_ms(1673853746003), 2 * 2588407389)
        assert made.observed_at_origin is ObservedAtOrigin.SOURCE
        assert (made.price, made.bid, made.ask) == (Decimal("21109.77"), Decimal(1), Decimal(2))
        assert (made.high_24h, made.low_24h) == (Decimal("21426.99"), Decimal(20575))
        assert made.volume_24h == Decimal("6780.866843")
        assert made.simulated


@pytest.mark.parametrize(
    ("ratio", "percent"),
    [("0.0196", "1.96"), ("-0.1", "-10"), ("0", "0"), ("1", "100"), ("0.00004", "0.004")],
)
def test_the_change_is_published_as_a_ratio(ratio: str, percent: str) -> None:
    """Despite its name. Moving the decimal point keeps all digits."""
    frame = TICKER.replace(b"0.0196", ratio.encode())
    made = to_ticker(event(frame), UNKNOWN, SYMBOL, received_at=START, simulated=False)
    assert made is not None
    assert made.change_percent_24h is not None
    assert format_decimal(made.change_percent_24h) == percent


def test_empty_text_is_no_value() -> None:
    """Without a last price there is no ticker."""
    frame = TICKER.replace(b"21426.99", b"").replace(b"0.0196", b"")
    made = to_ticker(event(frame), UNKNOWN, SYMBOL, received_at=START, simulated=False)
    assert made is not None
    assert (made.high_24h, made.change_percent_24h, made.bid, made.ask) == (None, None, None, None)
    untraded = event(TICKER.replace(b"21109.77", b""))
    assert to_ticker(untraded, UNKNOWN, SYMBOL, received_at=START, simulated=False) is None


def test_a_snapshot_replaces_the_book() -> None:
    """An empty side has no best price."""
    full = book(bids=b'[["16493.50","0.006"]]', asks=b'[["16611.00","0.029"]]')
    assert apply_book(full, BEST) == BestPrices(
        Decimal("16493.50"), Decimal("16611.00"), Decimal("0.006"), Decimal("0.029"), BOOK_AT
    )
    assert apply_book(book(asks=b'[["3","1"]]'), BEST) == BestPrices(
        ask=Decimal(3), ask_size=Decimal(1), quoted_at=BOOK_AT
    )


def test_a_delta_changes_only_its_sides_of_the_book() -> None:
    """A level deleted by a quantity of zero is replaced by the next one, or by none."""
    assert apply_book(book(b"delta"), BEST) == msgspec.structs.replace(BEST, quoted_at=BOOK_AT)
    moved = book(b"delta", bids=b'[["1","0"],["0.9","5"]]')
    assert apply_book(moved, BEST) == BestPrices(
        bid=Decimal("0.9"), ask=Decimal(2), bid_size=Decimal(5), quoted_at=BOOK_AT
    )
    assert apply_book(book(b"delta", asks=b'[["2","0"]]'), BEST) == BestPrices(
        bid=Decimal(1), quoted_at=BOOK_AT
    )


@pytest.mark.parametrize("bad", [b"NaN", b"Infinity"])
def test_a_book_with_invalid_numbers_is_an_error(bad: bytes) -> None:
    """They could not be compared."""
    levels = b'[["1","1"],["' + bad + b'","1"]]'
    with pytest.raises(SourceProtocolError):
        apply_book(book(bids=levels), UNKNOWN)


def test_responses_have_the_number_of_their_request_if_any() -> None:
    """A rejection was seen without one."""
    accepted = b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"12","op":"subscribe"}'
    assert parse_message(accepted) == BybitResponse("subscribe", 12, None)
    refused = b'{"success":false,"ret_msg":"Invalid topic: tickers.X","conn_id":"c","op":"subscribe"}'
    assert parse_message(refused) == BybitResponse("subscribe", None, "Invalid topic: tickers.X")


@pytest.mark.parametrize(
    "pong",
    [
        b'{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}',
        b'{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"","op":"ping"}',
        b'{"req_id":"2","op":"pong","args":["1757405570352"],"conn_id":"c"}',
        b'{"pong":1653296711335}',
    ],
)
def test_pongs_in_any_form_are_ignored(pong: bytes) -> None:
    """Several forms were seen over the years."""
    assert parse_message(pong) is None


def test_unknown_topics_are_ignored() -> None:
    """They are not read."""
    assert parse_message(b'{"topic":"kline.1.BTCUSDT","ts":1,"type":"snapshot","data":[]}') is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"pong",
        b"[]",
        TICKER[:90],
        TICKER.replace(b'"lastPrice":"21109.77",', b""),
        TICKER.replace(b'"21109.77"', b"null"),
        TICKER.replace(b"1673853746003", b'"now"'),
        b'{"topic":"tickers.BTCUSDT","ts":1673853746003}',
        BOOK % (b"snapshot", b'[["x","1"]]', b"[]"),
        BOOK % (b"snapshot", b'["1"]', b"[]"),
    ],
)
def test_an_unreadable_message_is_an_error_that_shows_it(frame: bytes) -> None:
    """Never a missing price."""
    with pytest.raises(SourceProtocolError, match="saw"):
        parse_message(frame)


@pytest.mark.parametrize(("field", "bad"), [(b"21426.99", b"high"), (b"1673853746003", b"9999999999999999")])
def test_an_invalid_number_or_time_is_an_error(field: bytes, bad: bytes) -> None:
    """It does not count as absent."""
    with pytest.raises(SourceProtocolError):
        to_ticker(event(TICKER.replace(field, bad)), UNKNOWN, SYMBOL, received_at=START, simulated=False)


def test_a_symbol_has_three_topics() -> None:
    """Side by side, and channel and symbol can be told from each."""
    all_three = list(topics(["BTCUSDT"]))
    assert all_three == ["tickers.BTCUSDT", "orderbook.1.BTCUSDT", "publicTrade.BTCUSDT"]
    assert [split_topic(topic) for topic in all_three] == [
        ("tickers", "BTCUSDT"),
        ("orderbook.1", "BTCUSDT"),
        ("publicTrade", "BTCUSDT"),
    ]
