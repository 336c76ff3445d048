"""OKX's messages, all values as text, and the profile of its market.

Shapes: exchanges.md 5 for `tickers`.
"""

from simulator.markets import InstrumentSnapshot
from simulator.nanotime import to_ms
from simulator.venue_profile import FeedChannel, VenueProfile
from simulator.wire_json import to_json

TICKERS, TRADES = "okx:tickers:", "okx:trades:"


def tickers(snapshot: InstrumentSnapshot) -> str:
    """A `tickers` message.

    The start-of-day prices equal the opening price: this market has no calendar.
    """
    fields = {
        "instType": "SPOT",
        "instId": snapshot.code,
        "last": f"{snapshot.last:f}",
        "lastSz": f"{snapshot.last_quantity:f}",
        "askPx": f"{snapshot.ask:f}",
        "askSz": f"{snapshot.ask_quantity:f}",
        "bidPx": f"{snapshot.bid:f}",
        "bidSz": f"{snapshot.bid_quantity:f}",
        "open24h": f"{snapshot.open:f}",
        "high24h": f"{snapshot.high:f}",
        "low24h": f"{snapshot.low:f}",
        "sodUtc0": f"{snapshot.open:f}",
        "sodUtc8": f"{snapshot.open:f}",
        "volCcy24h": f"{snapshot.quote_volume:f}",
        "vol24h": f"{snapshot.volume:f}",
        "ts": str(to_ms(snapshot.event_ns)),
    }
    return to_json({"arg": {"channel": "tickers", "instId": snapshot.code}, "data": [fields]})


def trades(snapshot: InstrumentSnapshot) -> str:
    """One trade; `side` is the taker's [shape: recorded 2022; `count` is newer]."""
    fields = {
        "instId": snapshot.code,
        "tradeId": str(snapshot.trade_id),
        "px": f"{snapshot.last:f}",
        "sz": f"{snapshot.last_quantity:f}",
        "side": "sell" if snapshot.buyer_is_maker else "buy",
        "ts": str(to_ms(snapshot.trade_ns)),
        "count": "1",
    }
    return to_json({"arg": {"channel": "trades", "instId": snapshot.code}, "data": [fields]})


def _split(code: str, _symbol: str) -> tuple[str, str]:
    base, _, quote = code.partition("-")
    return base, quote


OKX = VenueProfile(
    source="okx",
    share=0.8,
    latency_ms=60,
    premium_bps=2,
    split=_split,
    channels=(
        FeedChannel(TICKERS, tickers, on_trade=True, on_book=True, initial=tickers),
        FeedChannel(TRADES, trades, role="trades", on_trade=True, initial=trades),
    ),
)
