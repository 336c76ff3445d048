"""Kraken's protocol without a socket."""

import json
from datetime import UTC, datetime

import pytest

from instruments.instrument import Instrument
from pipeline.announcement import Announcement
from pipeline.feeds.protocol import SourceNotice, SymbolRejected
from pipeline.sources.kraken.protocol import PING_S, KrakenProtocol
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from tests.json_types import Json
from tests.pipeline.fakes import START

BTC, ETH = parse_symbol("BTC/USD"), parse_symbol("ETH/USD")


def feed(*symbols: Symbol) -> KrakenProtocol:
    made = KrakenProtocol(simulated=False)
    made.track([Instrument(Source.KRAKEN, one, str(one), one.base) for one in symbols])
    return made


def answer(symbol: str, error: str | None = None, *, channel: str = "ticker") -> bytes:
    if error is None:
        return json.dumps(
            {"method": "subscribe", "result": {"channel": channel, "symbol": symbol}, "success": True}
        ).encode()
    return json.dumps({"method": "subscribe", "symbol": symbol, "success": False, "error": error}).encode()


def subscribe(made: KrakenProtocol, *confirmed: Symbol) -> None:
    """Have both channels subscribed, and the pairs confirmed."""
    for now, channel in ((0.0, "ticker"), (0.1, "trade")):
        assert sent(made, now)["params"]["channel"] == channel
        for symbol in confirmed:
            made.receive(answer(str(symbol), channel=channel), START)


def sent(made: KrakenProtocol, now: float) -> Json:
    return json.loads(made.next_message(now) or "null")


def test_tickers_are_subscribed_on_quotes_and_confirmed_per_symbol() -> None:
    """All symbols in one message. It is settled by both responses, not by one."""
    made = feed(BTC, ETH)
    message = sent(made, 0.0)
    assert message["method"] == "subscribe"
    assert message["params"] == {
        "channel": "ticker",
        "symbol": ["BTC/USD", "ETH/USD"],
        "event_trigger": "bbo",
        "snapshot": True,
    }
    made.receive(answer("BTC/USD"), START)
    with pytest.raises(SourceUnavailable, match="subscription of ETH/USD"):
        made.next_message(10.1)


def test_an_unsupported_pair_is_rejected_and_does_not_affect_the_others() -> None:
    """It is not requested again on this connection."""
    made = feed(BTC, ETH)
    subscribe(made, BTC)
    said = "Currency pair not supported ETH/USD"
    assert made.receive(answer("ETH/USD", said), START) == [SymbolRejected(ETH, said)]
    assert sent(made, 11.0) is None


def test_a_pair_that_is_subscribed_already_is_subscribed() -> None:
    """That response is no rejection."""
    made = feed(BTC)
    subscribe(made)
    assert made.receive(answer("BTC/USD", "Already subscribed to ticker on BTC/USD"), START) == ()
    assert sent(made, 11.0) is None


def test_removed_instruments_are_unsubscribed_and_the_response_is_ignored() -> None:
    """Even if there was no such subscription."""
    made = feed(BTC)
    subscribe(made, BTC)
    made.track([])
    for channel, now in (("ticker", 2.0), ("trade", 2.1)):
        message = sent(made, now)
        assert (message["method"], message["params"]) == (
            "unsubscribe",
            {"channel": channel, "symbol": ["BTC/USD"]}
            | ({"event_trigger": "bbo"} if channel == "ticker" else {}),
        )
    gone = b'{"method":"unsubscribe","symbol":"BTC/USD","success":false,"error":"Subscription Not Found"}'
    assert made.receive(gone, START) == ()


def test_pings_keep_an_idle_connection() -> None:
    """Well before the server closes it after a minute of silence."""
    made = feed()
    assert made.next_message(0.0) is None
    assert sent(made, PING_S) == {"method": "ping"}
    assert made.next_message(PING_S + 1) is None


def test_only_tracked_pairs_make_tickers() -> None:
    """Messages may still arrive after an unsubscribe."""
    frame = b'{"channel":"ticker","type":"update","data":[{"symbol":"%s","last":1.5}]}'
    made = feed(BTC)
    (ticker,) = made.receive(frame % b"BTC/USD", START)
    assert isinstance(ticker, Ticker)
    assert ticker.symbol == BTC
    assert made.receive(frame % b"SOL/USD", START) == []


def test_a_rate_limit_has_an_end() -> None:
    """Other errors of the connection just end it."""
    with pytest.raises(SourceRateLimited):
        feed(BTC).receive(b'{"Error":"Exceeded msg rate"}', START)
    with pytest.raises(SourceUnavailable):
        feed(BTC).receive(b'{"error":"Internal error"}', START)


def test_announced_maintenance_begins_at_its_time_and_an_emergency_at_once() -> None:
    """While the exchange is still online. Empty lists and null announce nothing."""
    status = b'{"channel":"status","type":"update","data":[{"system":"online","%s":%s}]}'
    made = feed()
    entry = b'[{"begin":"2026-12-01T06:00:00Z"}]'
    begins_at = datetime(2026, 12, 1, 6, tzinfo=UTC)
    announced = Announcement("upcoming maintenance: begin 2026-12-01T06:00:00Z", begins_at)
    notices = made.receive(status % (b"upcoming_maintenance", entry), START)
    assert notices == (SourceNotice(None, (announced,)),)
    notices = made.receive(status % (b"emergency", entry), START)
    assert notices == (SourceNotice("the exchange says: emergency: begin 2026-12-01T06:00:00Z"),)
    for nothing in (b"[]", b"null"):
        for kind in (b"upcoming_maintenance", b"emergency"):
            assert made.receive(status % (kind, nothing), START) == (SourceNotice(None),)


def test_the_exchanges_status_is_reported_and_taken_back() -> None:
    """Maintenance explains silent prices. The status is sent again on each connection."""
    status = (
        b'{"channel":"status","type":"update","data":[{"system":"%s","api_version":"v2","connection_id":1}]}'
    )
    made = feed(BTC)
    assert made.receive(status % b"maintenance", START) == (SourceNotice("the exchange says: maintenance"),)
    assert made.receive(status % b"online", START) == (SourceNotice(None),)


def test_silent_pairs_are_unsubscribed_and_subscribed() -> None:
    """Although they were subscribed."""
    made = feed(BTC, ETH)
    subscribe(made, BTC, ETH)
    made.resubscribe([ETH])
    messages = [sent(made, now) for now in (2.0, 2.1, 3.1, 3.2, 4.2)]
    said = [(one["method"], one["params"]["channel"], one["params"]["symbol"]) for one in messages if one]
    assert said == [
        ("unsubscribe", "ticker", ["ETH/USD"]),
        ("unsubscribe", "trade", ["ETH/USD"]),
        ("subscribe", "ticker", ["ETH/USD"]),
        ("subscribe", "trade", ["ETH/USD"]),
    ]


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (
            '"upcoming_maintenance":[{"name":"Engine","note":"in the night","id":7}],"emergency":[]',
            "upcoming maintenance: name Engine, note in the night",
        ),
        ('"emergency":["Delayed data",{"level":3}]', 'emergency: Delayed data; emergency: {"level":3}'),
        ('"upcoming_maintenance":"tonight","emergency":[null]', "upcoming maintenance: tonight"),
    ],
)
def test_advisories_without_a_time_concern_the_present(lists: str, said: str) -> None:
    """Of any form, while the system is online; a later status takes them back."""
    made = feed(BTC)
    status = '{"channel":"status","type":"update","data":[{"system":"online",%s}]}'
    assert made.receive((status % lists).encode(), START) == (SourceNotice(f"the exchange says: {said}"),)
    empty = (status % '"upcoming_maintenance":[],"emergency":[]').encode()
    assert made.receive(empty, START) == (SourceNotice(None),)
