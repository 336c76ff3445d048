"""Maps Kraken's values to tickers. Pure.

A field is mapped only if it means the same. A best price of zero is no price.
"""

from datetime import UTC, datetime

from history.trade import Side, Trade
from pipeline.sources.kraken.messages import KrakenTicker, KrakenTrade
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


def to_trade(raw: KrakenTrade) -> Trade | None:
    """Convert one trade. `None` without a quantity."""
    if raw.qty is None:
        return None
    return Trade(raw.trade_id, raw.price, raw.qty, raw.timestamp.astimezone(UTC), _SIDES.get(raw.side))


def to_ticker(raw: KrakenTicker, symbol: Symbol, *, received_at: datetime, simulated: bool) -> Ticker:
    """Convert one ticker, observed at its `timestamp`, or on arrival if it has none.

    Pairs that never traded have a time in 1970, which ingest rejects as earlier than all markets. Kraken has no sequence number that
    would order tickers of the same microsecond.
    """
    observed_at = raw.timestamp or received_at
    bid, ask = raw.bid or None, raw.ask or None
    return Ticker(
        source=Source.KRAKEN,
        symbol=symbol,
        price=raw.last,
        observed_at=observed_at,
        observed_at_origin=ObservedAtOrigin.SOURCE if raw.timestamp else ObservedAtOrigin.RECEIVED,
        received_at=received_at,
        bid=bid,
        ask=ask,
        bid_size=raw.bid_qty if bid else None,
        ask_size=raw.ask_qty if ask else None,
        quoted_at=observed_at if bid or ask else None,
        change_percent_24h=raw.change_pct,
        high_24h=raw.high or None,
        low_24h=raw.low or None,
        volume_24h=raw.volume,
        simulated=simulated,
    )
