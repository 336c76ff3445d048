"""Maps OKX's values to tickers. Pure. A field is mapped only if it means the same.

There is no change in per cent: only the price 24 hours ago is published, and the quotient would have to be rounded.
"""

from datetime import datetime

from pipeline.sources.numbers import parse_nonzero, parse_number
from pipeline.sources.okx.messages import SPOT, OkxTicker
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker


def to_ticker(raw: OkxTicker, symbol: Symbol, *, received_at: datetime, simulated: bool) -> Ticker | None:
    """Convert one ticker. `None` if nothing was ever traded.

    The last price may be outside of bid and ask. A ticker is pushed at most every 100 ms per instrument, so that no two have the
    same `ts`; there is no sequence number.

    Raises:
        SourceProtocolError: a field is not a number, or the time is invalid.
    """
    price = parse_number(Source.OKX, raw.last)
    if price is None:
        return None
    # For swaps and options this is a number of contracts.
    volume = parse_number(Source.OKX, raw.vol24h) if raw.inst_type == SPOT else None
    return Ticker(
        source=Source.OKX,
        symbol=symbol,
        price=price,
        observed_at=_time(raw.ts),
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        bid=parse_nonzero(Source.OKX, raw.bid_px),
        ask=parse_nonzero(Source.OKX, raw.ask_px),
        high_24h=parse_nonzero(Source.OKX, raw.high24h),
        low_24h=parse_nonzero(Source.OKX, raw.low24h),
        volume_24h=volume,
        simulated=simulated,
    )


def _time(text: str) -> datetime:
    try:
        return parse_ms(int(text))
    except (ValueError, OverflowError) as exc:
        raise SourceProtocolError(Source.OKX, f"expected a time in ms, saw {text[:40]!r}") from exc
