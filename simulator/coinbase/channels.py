"""Coinbase's messages [shapes: exchanges.md 4] and how its market differs from the others."""

import json

from simulator.generated.venues import Channel, Profile
from simulator.markets import Quoted
from simulator.moments import iso_text

TICKER, BATCH, HEARTBEAT = "coinbase:ticker:", "coinbase:ticker_batch:", "coinbase:heartbeat:"
MONTH = 30


def ticker(quoted: Quoted) -> str:
    """One match, with the best prices after it; text numbers, `time` of the match."""
    return json.dumps(
        {
            "type": "ticker",
            "sequence": quoted.sequence,
            "product_id": quoted.code,
            "price": f"{quoted.last:f}",
            "open_24h": f"{quoted.open:f}",
            "volume_24h": f"{quoted.volume:.8f}",
            "low_24h": f"{quoted.low:f}",
            "high_24h": f"{quoted.high:f}",
            "volume_30d": f"{quoted.volume * MONTH:.8f}",
            "best_bid": f"{quoted.bid:f}",
            "best_bid_size": f"{quoted.bid_quantity:.8f}",
            "best_ask": f"{quoted.ask:f}",
            "best_ask_size": f"{quoted.ask_quantity:.8f}",
            "side": "sell" if quoted.buyer_is_maker else "buy",
            "time": iso_text(quoted.trade_ns),
            "trade_id": quoted.trade_id,
            "last_size": f"{quoted.last_quantity:.8f}",
        },
        separators=(",", ":"),
    )


def heartbeat(quoted: Quoted) -> str:
    """Each second for each product, trade or no trade."""
    return json.dumps(
        {
            "type": "heartbeat",
            "sequence": quoted.sequence,
            "last_trade_id": quoted.trade_id,
            "product_id": quoted.code,
            "time": iso_text(quoted.event_ns),
        },
        separators=(",", ":"),
    )


def _split(code: str, _symbol: str) -> tuple[str, str]:
    base, _, quote = code.partition("-")
    return base, quote


COINBASE = Profile(
    source="coinbase",
    share=0.6,
    transit_ms=30,
    premium_bps=3,
    split=_split,
    channels=(
        Channel(TICKER, ticker, on_trade=True, first=ticker),
        Channel(BATCH, ticker, every_seconds=5, first=ticker),
        Channel(HEARTBEAT, heartbeat, every_seconds=1),
    ),
)
