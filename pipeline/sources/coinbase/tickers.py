"""Maps Coinbase's values to tickers. Pure. A field is mapped only if it means the same.

There is no change in per cent: only the price 24 hours ago is published, and the quotient would have to be rounded.
"""

from datetime import datetime

import msgspec

from pipeline.sources.coinbase.messages import CoinbaseHeartbeat, CoinbaseTicker
from pipeline.sources.numbers import parse_nonzero, parse_number
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker


def to_ticker(raw: CoinbaseTicker, symbol: Symbol, *, received_at: datetime, simulated: bool) -> Ticker:
    """Convert one match, observed at its time, which may be long ago.

    `sequence` counts all events of a product, so that it orders matches of the same microsecond.

    Raises:
        SourceProtocolError: a field is not a number.
    """
    return Ticker(
        source=Source.COINBASE,
        symbol=symbol,
        price=raw.price,
        observed_at=raw.time,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        sequence=raw.sequence,
        bid=parse_nonzero(Source.COINBASE, raw.best_bid),
        ask=parse_nonzero(Source.COINBASE, raw.best_ask),
        high_24h=parse_nonzero(Source.COINBASE, raw.high_24h),
        low_24h=parse_nonzero(Source.COINBASE, raw.low_24h),
        volume_24h=parse_number(Source.COINBASE, raw.volume_24h),
        simulated=simulated,
    )


def confirm_ticker(ticker: Ticker, heartbeat: CoinbaseHeartbeat, *, received_at: datetime) -> Ticker:
    """Return the ticker of the last match, observed at the heartbeat's time.

    Bid and ask are kept only if the product had no event since: the book changes between matches, and quotes as old as the match
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
    )
