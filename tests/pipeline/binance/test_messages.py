"""Parsing of Binance's messages, and their conversion."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.binance.messages import (
    BinanceBookTicker,
    BinanceDayTicker,
    BinanceShutdown,
    BinanceTrade,
    StreamResponse,
    is_shutdown,
    parse_response,
    parse_retry_after,
    parse_stream_frame,
    parse_ticker,
    split_entries,
)
from pipeline.sources.binance.tickers import to_ticker
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.number import format_decimal
from tests.pipeline.binance.exchange import entry
from tests.pipeline.fakes import BTC, START

TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
BOOK = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000",'
    b'"B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}'
)
DAY = (
    b'{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015",'
    b'"P":"250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026",'
    b'"A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,'
    b'"L":18150,"n":18151}}'
)


def test_a_trade_is_read_digit_for_digit() -> None:
    """Trailing zeros are kept."""
    trade = parse_stream_frame(TRADE)
    assert isinstance(trade, BinanceTrade)
    assert (trade.symbol, trade.event_time, trade.trade_id) == ("BTCUSDT", 1723161255343, 3735683259)
    assert format_decimal(trade.price) == "61837.63000000"


def test_keys_that_differ_in_case_only_are_not_mixed_up() -> None:
    """`b` is a price and `B` a quantity, `l` a low and `L` an id, `c` a price and `C` a time."""
    book, day = parse_stream_frame(BOOK), parse_stream_frame(DAY)
    assert isinstance(book, BinanceBookTicker)
    assert isinstance(day, BinanceDayTicker)
    assert (book.bid, book.ask) == (Decimal("61837.63"), Decimal("61837.64"))
    assert (day.low, day.last_trade_id, day.price) == (Decimal("0.0010"), 18150, Decimal("0.0025"))
    assert (day.change_percent, day.event_time) == (Decimal("250.00"), 1672515782136)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b'{"result":null,"id":1}', StreamResponse(1, None)),
        (
            b'{"code":2,"msg":"Invalid request: unknown method"}',
            StreamResponse(None, "2 Invalid request: unknown method"),
        ),
        (
            b'{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}',
            StreamResponse(19, "4 Too many subscriptions"),
        ),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', BinanceShutdown()),
        (b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}', None),
    ],
)
def test_messages_other_than_events_are_recognised(frame: bytes, expected: object) -> None:
    """Responses, both forms of errors, the announced shutdown, and unknown streams."""
    assert parse_stream_frame(frame) == expected


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"<html>",
        b"[]",
        TRADE[:-3],
        TRADE.replace(b'"p":"61837.63000000"', b'"p":"abc"'),
        TRADE.replace(b'"e":"trade"', b'"e":"aggTrade"'),
        TRADE.replace(b'"t":3735683259,', b""),
    ],
)
def test_unreadable_messages_are_errors(frame: bytes) -> None:
    """The error shows what was seen."""
    with pytest.raises(SourceProtocolError, match="expected"):
        parse_stream_frame(frame)


def test_a_day_ticker_of_the_api_becomes_a_ticker() -> None:
    """Every field with the same meaning is mapped; the time is the source's."""
    raw = parse_ticker(msgspec.Raw(json.dumps(entry("BTCUSDT", "61837.63000000")).encode()))
    made = to_ticker(raw, BTC, received_at=START, simulated=False)
    assert (made.observed_at, made.sequence) == (parse_ms(1723161255343), 200)
    assert format_decimal(made.price) == "61837.63000000"
    assert (made.bid, made.ask) == (Decimal("1.49"), Decimal("1.51"))
    assert (made.high_24h, made.low_24h) == (Decimal("1.6"), Decimal("1.3"))
    assert (made.volume_24h, made.change_percent_24h) == (Decimal(1000), Decimal("1.250"))


def test_zero_is_no_best_price_but_a_volume() -> None:
    """A dead pair has no bid and no ask, but a volume of zero."""
    empty = entry("BTCUSDT", bidPrice="0.00000000", askPrice="0.00000000", volume="0.00000000", lastId=-1)
    made = to_ticker(
        parse_ticker(msgspec.Raw(json.dumps(empty).encode())), BTC, received_at=START, simulated=False
    )
    assert (made.bid, made.ask, made.volume_24h, made.sequence) == (None, None, Decimal(0), 0)


def test_responses_of_the_api_are_parsed_with_their_errors() -> None:
    """Id, status, code, and the end of a rate limit."""
    answer = parse_response(
        '{"id":7,"status":429,"error":{"code":-1003,"msg":"Too much","data":{"serverTime":1,"retryAfter":1660801839480}}}'
    )
    assert answer.error is not None
    assert (answer.id, answer.status, answer.error.code) == (7, 429, -1003)
    assert parse_retry_after(answer.error) == (1660801839480, 1)
    unsaid = parse_response('{"id":"x","status":400,"error":{"code":-1121,"msg":"Invalid symbol."}}')
    assert unsaid.error is not None
    assert parse_retry_after(unsaid.error) is None
    in_words = parse_response('{"status":418,"error":{"code":-1003,"msg":"IP banned until 1513693008350."}}')
    assert in_words.error is not None
    assert parse_retry_after(in_words.error) == (1513693008350, None)


def test_an_announced_shutdown_is_recognised() -> None:
    """It is sent without a request and has no id."""
    assert is_shutdown(parse_response('{"event":{"e":"serverShutdown","E":1769000000000}}'))
    assert not is_shutdown(parse_response('{"event":{"e":"other"}}'))
    assert not is_shutdown(parse_response('{"id":1,"status":200,"result":{}}'))


def test_a_result_that_is_not_a_list_is_an_error() -> None:
    """Only lists are requested."""
    with pytest.raises(SourceProtocolError):
        split_entries(msgspec.Raw(b'{"symbol":"BTCUSDT"}'))


def parsed(frame: str | bytes) -> object:
    """Return what a frame is parsed to, or the kind of its error."""
    try:
        return parse_stream_frame(frame)
    except SourceProtocolError:
        return SourceProtocolError


VALUES: st.SearchStrategy[object] = st.sampled_from((None, 1, -1, "1", "x", 1.5, True, [], {}))


@pytest.mark.slow
@given(
    stream=st.sampled_from(
        ("btcusdt@trade", "btcusdt@trade@trade", "a@bookTicker", "@trade", "!serverShutdown", None, 1)
    ),
    outer=st.dictionaries(
        st.sampled_from(("id", "error", "code", "msg", "stream", "more")), VALUES, max_size=2
    ),
    inner=st.dictionaries(st.sampled_from(("e", "E", "s", "t", "p", "T", "q", "m")), VALUES, max_size=2),
    is_last=st.booleans(),
)
def test_the_frame_of_a_trade_means_the_same_when_it_is_parsed_in_one_step(
    stream: object, outer: dict[str, object], inner: dict[str, object], *, is_last: bool
) -> None:
    """Text is parsed in two steps."""
    data = json.loads(TRADE)["data"] | inner
    named = {"stream": stream, "data": data}
    text = json.dumps(outer | named if is_last else named | outer, separators=(",", ":"))
    assert parsed(text.encode()) == parsed(text)
