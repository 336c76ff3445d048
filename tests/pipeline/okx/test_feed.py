"""OKX's protocol without a socket."""

import itertools
import json

import pytest

from instruments.instrument import Instrument
from pipeline.feeds.protocol import GoingAway, SymbolRejected
from pipeline.sources.okx.protocol import PING_S, TOPICS_PER_MESSAGE, OkxProtocol
from rates.errors import SourceProtocolError, SourceRateLimited
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_messages

BTC, XYZ = parse_symbol("BTC/USDT"), parse_symbol("XYZ/USDT")
KIB = 1024


def feed(*symbols: Symbol) -> OkxProtocol:
    made = OkxProtocol(simulated=False)
    made.track([Instrument(Source.OKX, one, f"{one.base}-{one.quote}", one.base) for one in symbols])
    return made


def answer(inst_id: str, channel: str = "tickers") -> bytes:
    return json.dumps({"event": "subscribe", "arg": {"channel": channel, "instId": inst_id}}).encode()


def test_tickers_are_subscribed_in_one_request_and_confirmed_one_by_one() -> None:
    """The number of operations an hour is small."""
    made = feed(BTC, XYZ)
    assert json.loads(made.next_message(0.0) or "") == {
        "op": "subscribe",
        "args": [
            {"channel": channel, "instId": inst_id}
            for inst_id in ("BTC-USDT", "XYZ-USDT")
            for channel in ("tickers", "trades")
        ],
    }
    for inst_id in ("BTC-USDT", "XYZ-USDT"):
        for channel in ("tickers", "trades"):
            made.receive(answer(inst_id, channel), START)
    made.track([])
    assert json.loads(made.next_message(1.0) or "")["op"] == "unsubscribe"


def test_a_request_stays_far_below_its_largest_size() -> None:
    """64 kB of arguments, with names of twenty letters a side."""
    assets = [f"{number:0>20}" for number in range(TOPICS_PER_MESSAGE + 5)]
    made = feed(*(Symbol(asset, "Q" * 20) for asset in assets))
    text = made.next_message(0.0) or ""
    assert len(json.loads(text)["args"]) == TOPICS_PER_MESSAGE
    assert len(text) < 32 * KIB


@pytest.mark.slow
def test_frequent_changes_do_not_use_up_the_operations() -> None:
    """480 an hour are allowed. Two changes a second stay at 400 in any hour."""
    made, sent = feed(), []
    for tick in range(9000):
        now = tick / 2
        made.track([Instrument(Source.OKX, BTC, f"A{tick}-USDT", "")])
        text = made.next_message(now)
        if text and text != "ping":
            sent.append(now)
            for channel in ("tickers", "trades"):
                made.receive(answer(f"A{tick}-USDT", channel), START)
    assert all(later - earlier >= 3600 for earlier, later in zip(sent, sent[400:], strict=False))
    assert len(sent) > 400


def test_ping_and_pong_are_text() -> None:
    """Three times within the 30 s after which the server closes."""
    made = feed()
    times = [now for now in range(31) if made.next_message(float(now)) == "ping"]
    assert times == [PING_S, 2 * PING_S, 3 * PING_S]
    assert made.receive(b"pong", START) == ()


def test_an_unknown_instrument_does_not_affect_the_others() -> None:
    """Only the error's text names it."""
    made = feed(BTC, XYZ)
    made.next_message(0.0)
    for channel in ("tickers", "trades"):
        made.receive(answer("BTC-USDT", channel), START)
    said = "Wrong URL or channel:tickers,instId:XYZ-USDT doesn't exist."
    (event,) = made.receive(json.dumps({"event": "error", "code": "60018", "msg": said}).encode(), START)
    assert event == SymbolRejected(XYZ, f"60018 {said}")
    trades = {"event": "error", "code": "60018", "msg": said.replace("tickers", "trades")}
    assert made.receive(json.dumps(trades).encode(), START) == []
    assert made.next_message(9.0) is None


def test_an_error_without_a_topic_is_counted_and_a_rate_limit_ends_the_connection() -> None:
    """The connection continues after the first only."""
    with pytest.raises(SourceProtocolError, match="60012"):
        feed(BTC).receive(b'{"event":"error","code":"60012","msg":"Illegal request"}', START)
    with pytest.raises(SourceRateLimited):
        feed(BTC).receive(b'{"event":"error","code":"60014","msg":"Requests too frequent."}', START)


def test_a_service_upgrade_is_announced() -> None:
    """Another connection is opened before the 30 s are over. Other notices are ignored."""
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    notice = json.dumps({"event": "notice", "code": "64008", "msg": said, "connId": "a4d3ae55"}).encode()
    assert feed(BTC).receive(notice, START) == (GoingAway(said),)
    assert feed(BTC).receive(notice.replace(b"64008", b"64009"), START) == ()


def test_the_recorded_connection_makes_a_ticker_of_each_push_in_order() -> None:
    """Of the spot instruments, in order."""
    made, seen = OkxProtocol(simulated=False), dict[str, list[Ticker]]()
    spot = ("ZEN-USDT", "ELON-USDT", "PROPS-ETH")
    made.track([Instrument(Source.OKX, parse_symbol(one.replace("-", "/")), one, "") for one in spot])
    made.next_message(0.0)
    for _, frame in read_messages("okx_ws_10instruments_20220227.txt.gz"):
        for event in made.receive(frame, START):
            if isinstance(event, Ticker):
                seen.setdefault(str(event.symbol), []).append(event)
    assert seen.keys() == {"ZEN/USDT", "ELON/USDT", "PROPS/ETH"}
    assert len(seen["ZEN/USDT"]) >= 8
    for tickers in seen.values():
        assert all(later.is_newer_than(one) for one, later in itertools.pairwise(tickers))
    assert made.next_message(1.0) is None
