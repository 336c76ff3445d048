"""Maps Coinbase's values to tickers. Pure. A field is mapped only if it means the same.

The change in per cent is derived from the price 24 hours ago, which is published instead.
"""

from datetime import UTC, datetime

import msgspec

from history.trade import Side, Trade
from pipeline.sources.coinbase.messages import CoinbaseHeartbeat, CoinbaseMatch, CoinbaseTicker
from pipeline.sources.derived import change_percent
from pipeline.sources.numbers import parse_nonzero, parse_number
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# The taker's side, by that of the maker.
_TAKER = {"buy": Side.SELL, "sell": Side.BUY}


def to_trade(raw: CoinbaseMatch) -> Trade:
    """Convert one match."""
    return Trade(raw.trade_id, raw.price, raw.size, raw.time.astimezone(UTC), _TAKER.get(raw.side))


def to_ticker(raw: CoinbaseTicker, symbol: Symbol, *, received_at: datetime, simulated: bool) -> Ticker:
    """Convert one match, observed, traded and quoted at its time, which may be long ago.

    `sequence` counts all events of a product, so that it orders matches of the same microsecond.

    Raises:
        SourceProtocolError: a field is not a number.
    """
    bid, ask = parse_nonzero(Source.COINBASE, raw.best_bid), parse_nonzero(Source.COINBASE, raw.best_ask)
    opening = parse_nonzero(Source.COINBASE, raw.open_24h)
    return Ticker(
        source=Source.COINBASE,
        symbol=symbol,
        price=raw.price,
        observed_at=raw.time,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        sequence=raw.sequence,
        bid=bid,
        ask=ask,
        bid_size=parse_number(Source.COINBASE, raw.best_bid_size) if bid else None,
        ask_size=parse_number(Source.COINBASE, raw.best_ask_size) if ask else None,
        quoted_at=raw.time if bid or ask else None,
        last_trade_at=raw.time,
        open_24h=opening,
        change_percent_24h=change_percent(raw.price, opening),
        high_24h=parse_nonzero(Source.COINBASE, raw.high_24h),
        low_24h=parse_nonzero(Source.COINBASE, raw.low_24h),
        volume_24h=parse_number(Source.COINBASE, raw.volume_24h),
        simulated=simulated,
    )


def confirm_ticker(ticker: Ticker, heartbeat: CoinbaseHeartbeat, *, received_at: datetime) -> Ticker:
    """Return the ticker of the last match, observed at the heartbeat's time.

    The time of the trade stays. Bid and ask are kept only if the product had no event since: the book changes between matches, and quotes as old as the match
    must not have the heartbeat's time.
    """
    is_untouched = heartbeat.sequence == ticker.sequence
    return msgspec.structs.replace(
        ticker,
        observed_at=heartbeat.time,
        received_at=received_at,
        sequence=heartbeat.sequence,
        bid=ticker.bid if is_untouched else None,
        ask=ticker.ask if is_untouched else None,
        bid_size=ticker.bid_size if is_untouched else None,
        ask_size=ticker.ask_size if is_untouched else None,
        quoted_at=heartbeat.time if is_untouched and (ticker.bid or ticker.ask) else None,
    )
