"""Bybit's spot messages and the profile of its market.

Shapes: exchanges.md 6 for `tickers`; bybit-exchange/docs `v5/websocket/public/orderbook.mdx` for `orderbook.1`.
"""

from decimal import Decimal

from simulator.markets import InstrumentSnapshot
from simulator.nanotime import to_ms
from simulator.venue_profile import FeedChannel, VenueProfile
from simulator.wire_json import to_json

TICKERS, BOOK, TRADES = "bybit:tickers.", "bybit:orderbook.1.", "bybit:publicTrade."
FOUR_PLACES = Decimal("0.0001")


def tickers(snapshot: InstrumentSnapshot) -> str:
    """A `tickers` message, always a full snapshot.

    On spot it has no bid and ask; an unknown index price is empty.
    """
    change = ((snapshot.last - snapshot.open) / snapshot.open).quantize(FOUR_PLACES)
    return to_json(
        {
            "topic": f"tickers.{snapshot.code}",
            "ts": to_ms(snapshot.trade_ns),
            "type": "snapshot",
            "cs": snapshot.sequence,
            "data": {
                "symbol": snapshot.code,
                "lastPrice": f"{snapshot.last:f}",
                "highPrice24h": f"{snapshot.high:f}",
                "lowPrice24h": f"{snapshot.low:f}",
                "prevPrice24h": f"{snapshot.open:f}",
                "volume24h": f"{snapshot.volume:f}",
                "turnover24h": f"{snapshot.quote_volume:f}",
                "price24hPcnt": f"{change:f}",
                "usdIndexPrice": "",
            },
        }
    )


def book_snapshot(snapshot: InstrumentSnapshot) -> str:
    """The first message of `orderbook.1` after subscribing."""
    return _book("snapshot", snapshot)


def book_delta(snapshot: InstrumentSnapshot) -> str:
    """A change of the best prices; the one level on each side replaces the previous one."""
    return _book("delta", snapshot)


def _book(kind: str, snapshot: InstrumentSnapshot) -> str:
    return to_json(
        {
            "topic": f"orderbook.1.{snapshot.code}",
            "ts": to_ms(snapshot.event_ns),
            "type": kind,
            "data": {
                "s": snapshot.code,
                "b": [[f"{snapshot.bid:f}", f"{snapshot.bid_quantity:f}"]],
                "a": [[f"{snapshot.ask:f}", f"{snapshot.ask_quantity:f}"]],
                "u": snapshot.sequence,
                "seq": snapshot.sequence * 5,
            },
        }
    )


def public_trade(snapshot: InstrumentSnapshot) -> str:
    """One trade; `S` is the taker's side [shape: recorded 2026]."""
    at_ms = to_ms(snapshot.trade_ns)
    trade = {
        "i": str(snapshot.trade_id),
        "T": at_ms,
        "p": f"{snapshot.last:f}",
        "v": f"{snapshot.last_quantity:f}",
        "S": "Sell" if snapshot.buyer_is_maker else "Buy",
        "seq": snapshot.sequence * 5,
        "s": snapshot.code,
        "BT": False,
        "RPI": False,
    }
    return to_json(
        {"topic": f"publicTrade.{snapshot.code}", "ts": at_ms, "type": "snapshot", "data": [trade]}
    )


def _split(code: str, symbol: str) -> tuple[str, str]:
    # The code has no separator: the part after the asset's symbol is the quote.
    return symbol, code.removeprefix(symbol)


BYBIT = VenueProfile(
    source="bybit",
    share=0.8,
    latency_ms=50,
    premium_bps=2.5,
    split=_split,
    channels=(
        FeedChannel(TICKERS, tickers, on_trade=True, initial=tickers),
        FeedChannel(
            BOOK,
            book_delta,
            role="book",
            on_trade=True,
            on_book=True,
            initial=book_snapshot,
            repeat=book_snapshot,
            repeat_after_seconds=3,
        ),
        FeedChannel(TRADES, public_trade, role="trades", on_trade=True),
    ),
)
