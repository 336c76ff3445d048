"""Bybit's spot messages and how its market differs from the others.

Shapes: exchanges.md 6 for `tickers`; `orderbook.1` as in bybit-exchange/docs `v5/websocket/public/orderbook.mdx`.
"""

import json
from decimal import Decimal

from simulator.generated.venues import Channel, Profile
from simulator.markets import Quoted
from simulator.moments import to_ms

TICKERS, BOOK = "bybit:tickers.", "bybit:orderbook.1."
FOUR_PLACES = Decimal("0.0001")


def tickers(quoted: Quoted) -> str:
    """Always a full snapshot; no bid and ask on spot; the index price is empty where there is none."""
    change = ((quoted.last - quoted.open) / quoted.open).quantize(FOUR_PLACES)
    return json.dumps(
        {
            "topic": f"tickers.{quoted.code}",
            "ts": to_ms(quoted.trade_ns),
            "type": "snapshot",
            "cs": quoted.sequence,
            "data": {
                "symbol": quoted.code,
                "lastPrice": f"{quoted.last:f}",
                "highPrice24h": f"{quoted.high:f}",
                "lowPrice24h": f"{quoted.low:f}",
                "prevPrice24h": f"{quoted.open:f}",
                "volume24h": f"{quoted.volume:f}",
                "turnover24h": f"{quoted.quote_volume:f}",
                "price24hPcnt": f"{change:f}",
                "usdIndexPrice": "",
            },
        },
        separators=(",", ":"),
    )


def book_snapshot(quoted: Quoted) -> str:
    """The first message after subscribing."""
    return _book("snapshot", quoted)


def book_delta(quoted: Quoted) -> str:
    """A change of the top: the new one level on each side replaces the old."""
    return _book("delta", quoted)


def _book(kind: str, quoted: Quoted) -> str:
    return json.dumps(
        {
            "topic": f"orderbook.1.{quoted.code}",
            "ts": to_ms(quoted.event_ns),
            "type": kind,
            "data": {
                "s": quoted.code,
                "b": [[f"{quoted.bid:f}", f"{quoted.bid_quantity:f}"]],
                "a": [[f"{quoted.ask:f}", f"{quoted.ask_quantity:f}"]],
                "u": quoted.sequence,
                "seq": quoted.sequence * 5,
            },
        },
        separators=(",", ":"),
    )


def _split(code: str, symbol: str) -> tuple[str, str]:
    # Nothing separates them: what follows the asset's own symbol is the quote.
    return symbol, code.removeprefix(symbol)


BYBIT = Profile(
    source="bybit",
    share=0.8,
    transit_ms=50,
    premium_bps=2.5,
    split=_split,
    channels=(
        Channel(TICKERS, tickers, on_trade=True, first=tickers),
        Channel(BOOK, book_delta, on_trade=True, on_book=True, first=book_snapshot),
    ),
)
