"""Maps OKX's values to tickers. Pure. A field is mapped only if it means the same.

The change in per cent is derived from the price 24 hours ago, which is published instead.
"""

from datetime import datetime

from history.trade import Side, Trade
from pipeline.sources.derived import change_percent
from pipeline.sources.numbers import parse_nonzero, parse_number
from pipeline.sources.okx.messages import SPOT, OkxTicker, OkxTrade
from pipeline.sources.trade_merger import LastTrade
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


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
    # For swaps and options, sizes and volumes count contracts.
    is_spot = raw.inst_type == SPOT
    observed_at = _time(raw.ts)
    bid, ask = parse_nonzero(Source.OKX, raw.bid_px), parse_nonzero(Source.OKX, raw.ask_px)
    opening = parse_nonzero(Source.OKX, raw.open24h)
    return Ticker(
        source=Source.OKX,
        symbol=symbol,
        price=price,
        observed_at=observed_at,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        bid=bid,
        ask=ask,
        bid_size=parse_number(Source.OKX, raw.bid_sz) if bid and is_spot else None,
        ask_size=parse_number(Source.OKX, raw.ask_sz) if ask and is_spot else None,
        quoted_at=observed_at if bid or ask else None,
        open_24h=opening,
        change_percent_24h=change_percent(price, opening),
        high_24h=parse_nonzero(Source.OKX, raw.high24h),
        low_24h=parse_nonzero(Source.OKX, raw.low24h),
        volume_24h=parse_number(Source.OKX, raw.vol24h) if is_spot else None,
        quote_volume_24h=parse_number(Source.OKX, raw.vol_ccy24h) if is_spot else None,
        simulated=simulated,
    )


def to_trade(raw: OkxTrade, last: LastTrade) -> Trade | None:
    """Convert one trade, given its price and time. `None` without an id or a quantity.

    Raises:
        SourceProtocolError: the quantity is not a number.
    """
    quantity = parse_number(Source.OKX, raw.sz)
    if quantity is None or not raw.trade_id.isdecimal():
        return None
    count = int(raw.count) if raw.count.isdecimal() else 1
    return Trade(last.number, last.price, quantity, last.at, _SIDES.get(raw.side), count)


def to_last_trade(raw: OkxTrade) -> LastTrade:
    """Convert price and time of one trade.

    Raises:
        SourceProtocolError: the price is not a number, or the time is invalid.
    """
    price = parse_number(Source.OKX, raw.px)
    if price is None:
        raise SourceProtocolError(Source.OKX, f"expected the price of a trade, saw {raw!r}"[:160])
    return LastTrade(price, _time(raw.ts), int(raw.trade_id) if raw.trade_id.isdecimal() else 0)


def _time(text: str) -> datetime:
    try:
        return parse_ms(int(text))
    except (ValueError, OverflowError) as exc:
        raise SourceProtocolError(Source.OKX, f"expected a time in ms, saw {text[:40]!r}") from exc
