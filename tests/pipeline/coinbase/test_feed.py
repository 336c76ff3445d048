"""Coinbase's protocol without a socket."""

import itertools
import json

import pytest

from instruments.instrument import Instrument
from pipeline.feeds.protocol import SymbolActivity, SymbolRejected
from pipeline.sources.coinbase.protocol import REFUSED_FOR_S, CoinbaseProtocol, RejectedProduct
from rates.clock import EPOCH
from rates.errors import SourceRateLimited, SourceUnavailable
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import Ticker
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_messages

BTC, ETH, XYZ = (parse_symbol(f"{base}/USD") for base in ("BTC", "ETH", "XYZ"))


def instruments(*symbols: Symbol) -> list[Instrument]:
    return [Instrument(Source.COINBASE, one, f"{one.base}-{one.quote}", one.base) for one in symbols]


def feed(*symbols: Symbol, refused: dict[str, RejectedProduct] | None = None) -> CoinbaseProtocol:
    made = CoinbaseProtocol({} if refused is None else refused, simulated=False)
    made.track(instruments(*symbols))
    return made


def match(trade_id: int, second: int, price: str = "1.5", *, sequence: int = 0) -> bytes:
    return json.dumps(
        {
            "type": "ticker",
            "product_id": "BTC-USD",
            "price": price,
            "time": f"2026-01-01T12:00:{second:02}.000000Z",
            "sequence": sequence or trade_id,
            "trade_id": trade_id,
            "best_bid": "1.4",
        }
    ).encode()


def heartbeat(trade_id: int, clock: str, *, sequence: int = 999) -> bytes:
    return json.dumps(
        {
            "type": "heartbeat",
            "product_id": "BTC-USD",
            "time": f"2026-01-01T{clock}.000000Z",
            "sequence": sequence,
            "last_trade_id": trade_id,
        }
    ).encode()


def subscriptions(*products: str) -> bytes:
    channels = [{"name": name, "product_ids": products} for name in ("ticker", "heartbeat")]
    return json.dumps({"type": "subscriptions", "channels": channels}).encode()


def test_ticker_and_heartbeat_are_subscribed_at_once() -> None:
    """One message for all products: without a subscription, the server closes after 5 s."""
    made = feed(BTC, ETH)
    assert json.loads(made.next_message(0.0) or "") == {
        "type": "subscribe",
        "product_ids": ["BTC-USD", "ETH-USD"],
        "channels": ["ticker", "heartbeat"],
    }
    made.receive(subscriptions("BTC-USD", "ETH-USD"), START)
    assert made.next_message(60.0) is None
    made.track(instruments(ETH))
    assert json.loads(made.next_message(61.0) or "")["type"] == "unsubscribe"


def test_a_heartbeat_keeps_a_quiet_product_current() -> None:
    """The same price at the heartbeat's time; only activity for an unknown match."""
    made = feed(BTC)
    (first,) = made.receive(match(7, 0), START)
    (again,) = made.receive(heartbeat(7, "12:00:09"), START)
    assert isinstance(first, Ticker)
    assert isinstance(again, Ticker)
    assert (again.price, again.observed_at.second) == (first.price, 9)
    assert made.receive(heartbeat(8, "12:00:10"), START) == (SymbolActivity(BTC),)


def test_quotes_are_dropped_when_a_heartbeat_renews_an_old_match() -> None:
    """For 5 s they keep the match's time. They stay if the product had no event at all."""
    made = feed(BTC)
    made.receive(match(7, 0), START)
    assert made.receive(heartbeat(7, "12:00:04"), START) == (SymbolActivity(BTC),)
    (renewed,) = made.receive(heartbeat(7, "12:00:05"), START)
    assert isinstance(renewed, Ticker)
    assert renewed.bid is None
    (untouched,) = made.receive(heartbeat(7, "12:00:01", sequence=7), START)
    assert isinstance(untouched, Ticker)
    assert (str(untouched.bid), untouched.observed_at.second) == ("1.4", 1)


def test_heartbeats_do_not_renew_a_price_without_end() -> None:
    """An hour after its last match a price ages, because the product may be halted."""
    made = feed(BTC)
    made.receive(match(7, 0), START)
    assert isinstance(made.receive(heartbeat(7, "13:00:00"), START)[0], Ticker)
    assert made.receive(heartbeat(7, "13:00:01"), START) == (SymbolActivity(BTC),)


def test_an_earlier_match_does_not_replace_a_later_one() -> None:
    """Not even with a later time. It still shows activity."""
    made = feed(BTC)
    made.receive(match(7, 0, "2"), START)
    assert made.receive(match(6, 5, "1"), START) == (SymbolActivity(BTC),)
    (again,) = made.receive(heartbeat(7, "12:00:09"), START)
    assert isinstance(again, Ticker)
    assert again.price == 2


def test_untracked_products_have_no_events() -> None:
    """Messages may still arrive after an unsubscribe."""
    made = feed(ETH)
    assert made.receive(match(7, 0), START) == ()
    assert made.receive(heartbeat(7, "12:00:09"), START) == ()


def test_a_rejected_product_is_left_out_by_the_next_connection() -> None:
    """The error ends this connection; requesting it again at once would end all later ones."""
    refused: dict[str, RejectedProduct] = {}
    made = feed(BTC, XYZ, refused=refused)
    made.next_message(100.0)
    said = b'{"type":"error","message":"Failed to subscribe","reason":"XYZ-USD is not a valid product"}'
    (event,) = made.receive(said, START)
    assert event == SymbolRejected(XYZ, "Failed to subscribe: XYZ-USD is not a valid product")
    assert json.loads(made.next_message(101.0) or "")["product_ids"] == ["BTC-USD"]
    following = feed(BTC, XYZ, refused=refused)
    assert json.loads(following.next_message(102.0) or "")["product_ids"] == ["BTC-USD"]
    assert following.receive(subscriptions("BTC-USD"), START) == [event]
    assert following.next_message(100.0 + REFUSED_FOR_S - 1) is None
    assert json.loads(following.next_message(100.0 + REFUSED_FOR_S) or "")["product_ids"] == ["XYZ-USD"]


def test_a_rate_limit_has_an_end() -> None:
    """It applies to the address, not to a product."""
    with pytest.raises(SourceRateLimited):
        feed(BTC).receive(b'{"type":"error","message":"rate limit exceeded"}', START)


def test_an_error_without_a_product_ends_the_connection() -> None:
    """There is nothing to leave out."""
    with pytest.raises(SourceUnavailable, match="Failed to subscribe"):
        feed(BTC).receive(b'{"type":"error","message":"Failed to subscribe","reason":"internal"}', START)


def test_the_recorded_connection_makes_a_ticker_of_each_match_in_order() -> None:
    """Each product's tickers are in order; the responses confirm the subscriptions."""
    made, seen = CoinbaseProtocol({}, simulated=False), dict[str, list[Ticker]]()
    symbols = ["SKL-USD", "SKL-BTC", "BAND-GBP", "NMR-EUR", "BAND-BTC"]
    made.track([Instrument(Source.COINBASE, parse_symbol(one.replace("-", "/")), one, "") for one in symbols])
    made.next_message(0.0)
    for _, frame in read_messages("coinbase_ws_5products_20210417.txt.gz"):
        for event in made.receive(frame, EPOCH):
            assert isinstance(event, Ticker)
            seen.setdefault(str(event.symbol), []).append(event)
    assert sum(map(len, seen.values())) == 85
    assert len(seen) == 5
    for tickers in seen.values():
        assert all(later.is_newer_than(earlier) for earlier, later in itertools.pairwise(tickers))
    assert made.next_message(100.0) is None
