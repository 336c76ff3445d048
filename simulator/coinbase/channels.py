"""Coinbase's messages [shapes: exchanges.md 4] and the profile of its market."""

from uuid import UUID

from simulator.markets import InstrumentSnapshot
from simulator.nanotime import to_iso
from simulator.venue_profile import FeedChannel, VenueProfile
from simulator.wire_json import to_json

TICKER, BATCH, HEARTBEAT = "coinbase:ticker:", "coinbase:ticker_batch:", "coinbase:heartbeat:"
MATCHES = "coinbase:matches:"
MONTH = 30


def ticker(snapshot: InstrumentSnapshot) -> str:
    """A `ticker` message: one match with the best prices after it; `time` is that of the match."""
    return to_json(
        {
            "type": "ticker",
            "sequence": snapshot.sequence,
            "product_id": snapshot.code,
            "price": f"{snapshot.last:f}",
            "open_24h": f"{snapshot.open:f}",
            "volume_24h": f"{snapshot.volume:.8f}",
            "low_24h": f"{snapshot.low:f}",
            "high_24h": f"{snapshot.high:f}",
            "volume_30d": f"{snapshot.volume * MONTH:.8f}",
            "best_bid": f"{snapshot.bid:f}",
            "best_bid_size": f"{snapshot.bid_quantity:.8f}",
            "best_ask": f"{snapshot.ask:f}",
            "best_ask_size": f"{snapshot.ask_quantity:.8f}",
            "side": "sell" if snapshot.buyer_is_maker else "buy",
            "time": to_iso(snapshot.trade_ns),
            "trade_id": snapshot.trade_id,
            "last_size": f"{snapshot.last_quantity:.8f}",
        }
    )


def match(snapshot: InstrumentSnapshot) -> str:
    """A `match` message; the order ids are made from the trade's id."""
    return _match("match", snapshot)


def last_match(snapshot: InstrumentSnapshot) -> str:
    """The first message of `matches` after subscribing [recorded 2021]."""
    return _match("last_match", snapshot)


def _match(kind: str, snapshot: InstrumentSnapshot) -> str:
    return to_json(
        {
            "type": kind,
            "trade_id": snapshot.trade_id,
            "maker_order_id": str(UUID(int=snapshot.trade_id * 2)),
            "taker_order_id": str(UUID(int=snapshot.trade_id * 2 + 1)),
            "side": "buy" if snapshot.buyer_is_maker else "sell",
            "size": f"{snapshot.last_quantity:.8f}",
            "price": f"{snapshot.last:f}",
            "product_id": snapshot.code,
            "sequence": snapshot.sequence,
            "time": to_iso(snapshot.trade_ns),
        }
    )


def heartbeat(snapshot: InstrumentSnapshot) -> str:
    """A `heartbeat` message, sent each second for each product."""
    return to_json(
        {
            "type": "heartbeat",
            "sequence": snapshot.sequence,
            "last_trade_id": snapshot.trade_id,
            "product_id": snapshot.code,
            "time": to_iso(snapshot.event_ns),
        }
    )


def _split(code: str, _symbol: str) -> tuple[str, str]:
    base, _, quote = code.partition("-")
    return base, quote


COINBASE = VenueProfile(
    source="coinbase",
    share=0.6,
    latency_ms=30,
    premium_bps=3,
    split=_split,
    channels=(
        FeedChannel(TICKER, ticker, on_trade=True, initial=ticker),
        FeedChannel(BATCH, ticker, every_seconds=5, initial=ticker),
        FeedChannel(HEARTBEAT, heartbeat, role="heartbeat", every_seconds=1),
        FeedChannel(MATCHES, match, role="trades", on_trade=True, initial=last_match),
    ),
)
