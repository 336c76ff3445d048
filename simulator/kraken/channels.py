"""Kraken's v2 messages with bare numbers, and the profile of its market.

Shapes: exchanges.md 3 for `ticker`.
"""

from decimal import Decimal

from simulator.markets import InstrumentSnapshot
from simulator.nanotime import to_iso
from simulator.venue_profile import FeedChannel, VenueProfile

TICKER_TRADES, TICKER_BBO, TRADE = "kraken:ticker:trades:", "kraken:ticker:bbo:", "kraken:trade:"
PLACES = Decimal("0.01")


def snapshot_message(snapshot: InstrumentSnapshot) -> str:
    """The first message after subscribing."""
    return _message("snapshot", snapshot)


def update_message(snapshot: InstrumentSnapshot) -> str:
    """A later message."""
    return _message("update", snapshot)


def _message(kind: str, snapshot: InstrumentSnapshot) -> str:
    change = snapshot.last - snapshot.open
    numbers = {
        "bid": snapshot.bid,
        "bid_qty": snapshot.bid_quantity,
        "ask": snapshot.ask,
        "ask_qty": snapshot.ask_quantity,
        "last": snapshot.last,
        "volume": snapshot.volume,
        "vwap": (snapshot.quote_volume / snapshot.volume).quantize(snapshot.last),
        "low": snapshot.low,
        "high": snapshot.high,
        "change": change,
        "change_pct": (change * 100 / snapshot.open).quantize(PLACES),
    }
    fields = ",".join(f'"{name}":{_number(value)}' for name, value in numbers.items())
    return (
        f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{snapshot.code}",{fields},'
        f'"timestamp":"{to_iso(snapshot.event_ns)}"}}]}}'
    )


def trade_snapshot(snapshot: InstrumentSnapshot) -> str:
    """The first message of `trade`, on request: the last trades, here one."""
    return _trade("snapshot", snapshot)


def trade_update(snapshot: InstrumentSnapshot) -> str:
    """One trade; `side` is the taker's [shape: docs.kraken.com, WebSocket v2, trade]."""
    return _trade("update", snapshot)


def _trade(kind: str, snapshot: InstrumentSnapshot) -> str:
    side = "sell" if snapshot.buyer_is_maker else "buy"
    return (
        f'{{"channel":"trade","type":"{kind}","data":[{{"symbol":"{snapshot.code}","side":"{side}",'
        f'"price":{_number(snapshot.last)},"qty":{_number(snapshot.last_quantity)},"ord_type":"market",'
        f'"trade_id":{snapshot.trade_id},"timestamp":"{to_iso(snapshot.trade_ns)}"}}]}}'
    )


def _number(value: Decimal) -> str:
    plain = f"{value:f}"
    if "." not in plain:
        return plain + ".0"
    plain = plain.rstrip("0")
    return plain + "0" if plain.endswith(".") else plain


def _split(code: str, _symbol: str) -> tuple[str, str]:
    base, _, quote = code.partition("/")
    return base, quote


KRAKEN = VenueProfile(
    source="kraken",
    share=0.4,
    latency_ms=45,
    premium_bps=4,
    split=_split,
    channels=(
        FeedChannel(TICKER_TRADES, update_message, on_trade=True, initial=snapshot_message),
        FeedChannel(TICKER_BBO, update_message, on_trade=True, on_book=True, initial=snapshot_message),
        FeedChannel(TRADE, trade_update, role="trades", on_trade=True, initial=trade_snapshot),
    ),
)
