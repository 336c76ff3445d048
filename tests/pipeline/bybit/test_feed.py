"""Bybit's protocol without a socket."""

import json

import pytest

from instruments.instrument import Instrument
from pipeline.feeds.protocol import SymbolActivity, SymbolRejected
from pipeline.sources.bybit.protocol import PING_S, BybitProtocol
from pipeline.sources.bybit.symbols import CHANNELS
from rates.errors import SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from tests.json_types import Json
from tests.pipeline.fakes import START

BTC, XYZ = parse_symbol("BTC/USDT"), parse_symbol("XYZ/USDT")
TICKER = b'{"topic":"tickers.%s","ts":1673853746003,"cs":5,"data":{"symbol":"%s","lastPrice":"1.5"}}'
BOOK = b'{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1,"data":{"s":"BTCUSDT","b":[["1.4","1"]],"a":[["1.6","1"]]}}'


def feed(*symbols: Symbol) -> BybitProtocol:
    made = BybitProtocol(simulated=False)
    made.track([Instrument(Source.BYBIT, one, f"{one.base}{one.quote}", one.base) for one in symbols])
    return made


def sent(made: BybitProtocol, now: float) -> Json:
    return json.loads(made.next_message(now) or "null")


def answer(number: str | None, error: str | None = None) -> bytes:
    message = {"success": error is None, "ret_msg": error or "", "op": "subscribe", "conn_id": "c"}
    return json.dumps(message | ({} if number is None else {"req_id": number})).encode()


def test_a_request_has_at_most_ten_arguments() -> None:
    """Each symbol has two. The next request keeps the message rate."""
    symbols = [Symbol(f"A{number}", "USDT") for number in range(12)]
    made, requests = feed(*symbols), []
    for tick in range(20):
        if message := sent(made, tick / 10):
            requests.append(message["args"])
            made.receive(answer(message["req_id"]), START)
    assert [len(args) for args in requests] == [10, 10, 10, 6]
    assert {arg for args in requests for arg in args} == {
        f"{channel}.{symbol.base}USDT" for symbol in symbols for channel in CHANNELS
    }


def test_best_prices_come_from_the_book_and_go_out_with_the_ticker() -> None:
    """A book message makes no ticker, but shows activity."""
    made = feed(BTC)
    (before,) = made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START)
    assert made.receive(BOOK, START) == (SymbolActivity(BTC),)
    (after,) = made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START)
    assert isinstance(before, Ticker)
    assert isinstance(after, Ticker)
    assert (before.bid, before.ask) == (None, None)
    assert [str(one) for one in (after.bid, after.ask)] == ["1.4", "1.6"]


def test_untracked_symbols_have_no_events() -> None:
    """Messages may still arrive after an unsubscribe. Quotes of a removed symbol are forgotten."""
    made = feed(BTC)
    made.receive(BOOK, START)
    made.track([])
    assert made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START) == ()
    assert made.receive(BOOK, START) == ()
    made.track([Instrument(Source.BYBIT, BTC, "BTCUSDT", "")])
    (ticker,) = made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START)
    assert isinstance(ticker, Ticker)
    assert ticker.bid is None


def test_a_topic_rejected_by_name_does_not_affect_the_others() -> None:
    """A rejection without a number belongs to the oldest request."""
    made = feed(BTC, XYZ)
    first = sent(made, 0.0)
    assert len(first["args"]) == 6
    said = "Invalid topic: [tickers.XYZUSDT]"
    assert made.receive(answer(None, said), START) == [SymbolRejected(XYZ, said)]
    again = sent(made, 1.0)
    assert again["args"] == [
        "tickers.BTCUSDT",
        "orderbook.1.BTCUSDT",
        "publicTrade.BTCUSDT",
        "orderbook.1.XYZUSDT",
        "publicTrade.XYZUSDT",
    ]
    # Of a symbol that has no ticker, nobody needs to be told twice.
    assert (
        made.receive(answer(again["req_id"], "error:handler not found,topic:orderbook.1.XYZUSDT"), START)
        == []
    )
    made.receive(answer(sent(made, 2.0)["req_id"]), START)
    assert sent(made, 3.0) is None


def test_a_rejection_without_a_topic_is_retried_topic_by_topic() -> None:
    """Until the bad one is found."""
    made = feed(BTC)
    made.receive(answer(sent(made, 0.0)["req_id"], "params error"), START)
    first, second = sent(made, 1.0), sent(made, 2.0)
    assert [first["args"], second["args"]] == [["tickers.BTCUSDT"], ["orderbook.1.BTCUSDT"]]
    assert made.receive(answer(first["req_id"], "params error"), START) == [
        SymbolRejected(BTC, "params error")
    ]


def test_pings_are_application_messages_and_any_form_of_pong_is_accepted() -> None:
    """Often enough to detect a dead socket within seconds."""
    made = feed()
    times = [now for now in range(31) if sent(made, float(now)) == {"op": "ping"}]
    assert times == [PING_S, 2 * PING_S, 3 * PING_S]
    assert made.receive(b'{"pong":1653296711335}', START) == ()


def test_a_rate_limit_has_an_end() -> None:
    """It applies to the address, not to a topic."""
    made = feed(BTC)
    made.next_message(0.0)
    with pytest.raises(SourceRateLimited):
        made.receive(answer("1", "Too many visits!"), START)


def test_removed_instruments_are_unsubscribed_and_the_response_is_ignored() -> None:
    """Any response."""
    made = feed(BTC)
    made.receive(answer(sent(made, 0.0)["req_id"]), START)
    made.track([])
    assert sent(made, 1.0)["op"] == "unsubscribe"
    assert made.receive(b'{"success":false,"ret_msg":"no","op":"unsubscribe","req_id":"2"}', START) == ()
