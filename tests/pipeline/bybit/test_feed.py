"""Bybit's protocol core: what it sends when, and what it makes of what comes."""

import json
from typing import Any

import pytest

from instruments.instrument import Instrument
from pipeline.feeds.protocol import SymbolActivity, SymbolRejected
from pipeline.sources.bybit.protocol import PING_S, BybitProtocol
from pipeline.sources.bybit.symbols import CHANNELS
from rates.errors import SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from tests.pipeline.fakes import START

BTC, XYZ = parse_symbol("BTC/USDT"), parse_symbol("XYZ/USDT")
TICKER = b'{"topic":"tickers.%s","ts":1673853746003,"cs":5,"data":{"symbol":"%s","lastPrice":"1.5"}}'
BOOK = b'{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1,"data":{"s":"BTCUSDT","b":[["1.4","1"]],"a":[["1.6","1"]]}}'


def feed(*symbols: Symbol) -> BybitProtocol:
    made = BybitProtocol(simulated=False)
    made.track([Instrument(Source.BYBIT, one, f"{one.base}{one.quote}", one.base) for one in symbols])
    return made


def sent(made: BybitProtocol, now: float) -> Any:
    return json.loads(made.next_message(now) or "null")


def answer(number: str | None, error: str | None = None) -> bytes:
    message = {"success": error is None, "ret_msg": error or "", "op": "subscribe", "conn_id": "c"}
    return json.dumps(message | ({} if number is None else {"req_id": number})).encode()


def test_ten_arguments_a_request_and_no_more() -> None:
    """Each symbol has three; the next request waits for its turn."""
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
    """The book itself makes no ticker, but shows that the symbol lives."""
    made = feed(BTC)
    (before,) = made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START)
    assert made.receive(BOOK, START) == (SymbolActivity(BTC),)
    (after,) = made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START)
    assert isinstance(before, Ticker)
    assert isinstance(after, Ticker)
    assert (before.bid, before.ask) == (None, None)
    assert [str(one) for one in (after.bid, after.ask)] == ["1.4", "1.6"]


def test_symbols_that_are_not_tracked_make_nothing() -> None:
    """Messages may still come after an unsubscribe; quotes of a symbol that was away are forgotten."""
    made = feed(BTC)
    made.receive(BOOK, START)
    made.track([])
    assert made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START) == ()
    assert made.receive(BOOK, START) == ()
    made.track([Instrument(Source.BYBIT, BTC, "BTCUSDT", "")])
    (ticker,) = made.receive(TICKER % (b"BTCUSDT", b"BTCUSDT"), START)
    assert isinstance(ticker, Ticker)
    assert ticker.bid is None


def test_a_topic_that_is_refused_by_name_leaves_the_others_alone() -> None:
    """A refusal without a number is about the oldest request."""
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


def test_a_refusal_that_names_nothing_is_taken_apart() -> None:
    """Each topic by itself, until the bad one shows."""
    made = feed(BTC)
    made.receive(answer(sent(made, 0.0)["req_id"], "params error"), START)
    first, second = sent(made, 1.0), sent(made, 2.0)
    assert [first["args"], second["args"]] == [["tickers.BTCUSDT"], ["orderbook.1.BTCUSDT"]]
    assert made.receive(answer(first["req_id"], "params error"), START) == [
        SymbolRejected(BTC, "params error")
    ]


def test_pings_are_its_own_and_any_pong_will_do() -> None:
    """Often enough that a dead socket shows within seconds."""
    made = feed()
    times = [now for now in range(31) if sent(made, float(now)) == {"op": "ping"}]
    assert times == [PING_S, 2 * PING_S, 3 * PING_S]
    assert made.receive(b'{"pong":1653296711335}', START) == ()


def test_a_refusal_for_rate_says_when_to_come_back() -> None:
    """It is about the address, not about a topic."""
    made = feed(BTC)
    made.next_message(0.0)
    with pytest.raises(SourceRateLimited):
        made.receive(answer("1", "Too many visits!"), START)


def test_what_is_left_is_unsubscribed_and_its_answer_is_nothing() -> None:
    """Whatever it says."""
    made = feed(BTC)
    made.receive(answer(sent(made, 0.0)["req_id"]), START)
    made.track([])
    assert sent(made, 1.0)["op"] == "unsubscribe"
    assert made.receive(b'{"success":false,"ret_msg":"no","op":"unsubscribe","req_id":"2"}', START) == ()
