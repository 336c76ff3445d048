"""OKX's messages, from documented examples and a recorded connection."""

from collections import Counter
from decimal import Decimal

import pytest

from pipeline.sources.okx.messages import (
    OkxError,
    OkxNotice,
    OkxResponse,
    OkxTicker,
    OkxTickers,
    parse_message,
)
from pipeline.sources.okx.tickers import to_ticker
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.number import format_decimal
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_messages

RECORDING = "okx_ws_10instruments_20220227.txt.gz"
SYMBOL = parse_symbol("BTC/USDT")
TICKER = (
    b'{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"30236",'
    b'"lastSz":"0.0002","askPx":"30228.7","askSz":"1.55896972","bidPx":"30228.6","bidSz":"0.23393","open24h":"30000",'
    b'"high24h":"30500.1","low24h":"29000.5","sodUtc0":"1","sodUtc8":"1","volCcy24h":"5","vol24h":"123.45678900",'
    b'"ts":"1652459224956"}]}'
)


def entry(frame: bytes = TICKER) -> OkxTicker:
    message = parse_message(frame)
    assert isinstance(message, OkxTickers)
    (one,) = message.entries
    return one


def test_everything_is_text_and_read_exactly() -> None:
    """Times, too. The last price may be outside of bid and ask, as in this real message."""
    made = to_ticker(entry(), SYMBOL, received_at=START, simulated=True)
    assert made is not None
    assert made.source is Source.OKX
    assert (made.price, made.bid, made.ask) == (Decimal(30236), Decimal("30228.6"), Decimal("30228.7"))
    assert (made.high_24h, made.low_24h) == (Decimal("30500.1"), Decimal("29000.5"))
    assert str(made.volume_24h) == "123.45678900"
    assert (made.observed_at, made.observed_at_origin) == (parse_ms(1652459224956), ObservedAtOrigin.SOURCE)
    assert [str(one) for one in (made.bid_size, made.ask_size, made.open_24h, made.change_percent_24h)] == [
        "0.23393",
        "1.55896972",
        "30000",
        "0.7867",
    ]
    assert (made.quoted_at, made.last_trade_at) == (made.observed_at, None)
    assert made.simulated


def test_empty_text_is_no_value() -> None:
    """An empty side of the book has no price; without a last price there is no ticker."""
    made = to_ticker(entry(TICKER.replace(b"30228.6", b"")), SYMBOL, received_at=START, simulated=False)
    assert made is not None
    assert made.bid is None
    assert made.ask is not None
    untraded = entry(TICKER.replace(b'"30236"', b'""'))
    assert to_ticker(untraded, SYMBOL, received_at=START, simulated=False) is None


def test_volume_is_mapped_only_in_base_units() -> None:
    """For swaps and options it is a number of contracts."""
    made = to_ticker(entry(TICKER.replace(b"SPOT", b"SWAP")), SYMBOL, received_at=START, simulated=False)
    assert made is not None
    assert made.volume_24h is None


@pytest.mark.parametrize("bad", [b"", b"soon", b"99999999999999999999"])
def test_an_invalid_time_is_an_error(bad: bytes) -> None:
    """Our own clock does not replace it."""
    with pytest.raises(SourceProtocolError, match="time in ms"):
        to_ticker(entry(TICKER.replace(b"1652459224956", bad)), SYMBOL, received_at=START, simulated=False)


def test_each_argument_has_a_response_of_its_own() -> None:
    """With or without a connection id, which is newer."""
    for rest in (b"", b',"connId":"a4d3ae55"'):
        frame = b'{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"}' + rest + b"}"
        assert parse_message(frame) == OkxResponse("subscribe", "tickers", "BTC-USDT")


def test_errors_notices_and_pongs_are_distinguished() -> None:
    """A pong is bare text."""
    assert parse_message(b'{"event":"error","code":"60018","msg":"no","connId":"x"}') == OkxError(
        "60018", "no"
    )
    assert parse_message(b'{"event":"notice","code":"64008","msg":"soon"}') == OkxNotice("64008", "soon")
    assert parse_message(b"pong") is None
    assert parse_message(b'{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[{"px":"1"}]}') is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"ping?",
        b"[]",
        TICKER[:90],
        TICKER.replace(b'"last":"30236",', b""),
        TICKER.replace(b'"30236"', b"30236"),
        b'{"arg":{"channel":"tickers","instId":"BTC-USDT"}}',
    ],
)
def test_an_unreadable_message_is_an_error_that_shows_it(frame: bytes) -> None:
    """Never a missing price."""
    with pytest.raises(SourceProtocolError, match="saw"):
        parse_message(frame)


def test_the_recorded_connection_is_parsed_without_an_error() -> None:
    """3,777 frames of spot, swap and options. Prices and times equal the text of the recording."""
    kinds, types = Counter[str](), Counter[str]()
    for _, frame in read_messages(RECORDING):
        message = parse_message(frame)
        kinds[type(message).__name__] += 1
        if isinstance(message, OkxTickers):
            for raw in message.entries:
                types[raw.inst_type] += 1
                made = to_ticker(raw, SYMBOL, received_at=START, simulated=False)
                assert made is not None
                assert f'"last":"{format_decimal(made.price)}"'.encode() in frame
                assert made.observed_at == parse_ms(int(raw.ts))
                assert (made.bid is None) is (not raw.bid_px)
    assert kinds == {"NoneType": 3699, "OkxTickers": 19, "OkxTrades": 19, "OkxResponse": 40}
    assert types == {"SPOT": 12, "SWAP": 2, "OPTION": 5}
