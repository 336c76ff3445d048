"""Maps Binance's values to tickers. Pure.

A field is mapped only if it means the same. A best price of zero is no price.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from history.trade import Side, Trade
from pipeline.sources.binance.messages import BinanceTicker, BinanceTrade
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# The taker's side, by whether the buyer was the maker.
_TAKER = {True: Side.SELL, False: Side.BUY}


def nonzero(price: Decimal | None) -> Decimal | None:
    """Return a bid, ask, high or low, for which zero means no value: no order or no trade."""
    return price or None


# An event names its time twice, and several parts of this package read it: a repetition costs a tenth.
@lru_cache(maxsize=256)
def parse_event_time(milliseconds: int) -> datetime:
    """Parse an event time.

    Raises:
        SourceProtocolError: out of range.
    """
    try:
        return parse_ms(milliseconds)
    except OverflowError as exc:
        raise SourceProtocolError(Source.BINANCE, f"expected a time in ms, saw {milliseconds}") from exc


def to_known_trade(raw: BinanceTrade) -> Trade:
    """Convert a trade with a quantity and a time that were looked at."""
    assert raw.trade_time is not None
    assert raw.quantity is not None
    side = None if raw.is_buyer_maker is None else _TAKER[raw.is_buyer_maker]
    return Trade(raw.trade_id, raw.price, raw.quantity, parse_event_time(raw.trade_time), side)


def to_trade(raw: BinanceTrade) -> Trade | None:
    """Convert a trade. `None` if its quantity is missing, as in some recordings.

    Raises:
        SourceProtocolError: its time is out of range.
    """
    if raw.quantity is None:
        return None
    at = raw.event_time if raw.trade_time is None else raw.trade_time
    side = None if raw.is_buyer_maker is None else _TAKER[raw.is_buyer_maker]
    return Trade(raw.trade_id, raw.price, raw.quantity, parse_event_time(at), side)


def has_market(raw: BinanceTicker) -> bool:
    """Return whether there is a bid or an ask.

    Pairs that were delisted years ago keep their last price, with bid and ask at zero. A recording may have neither.
    """
    return raw.bid_price is None or raw.ask_price is None or bool(raw.bid_price or raw.ask_price)


def to_ticker(raw: BinanceTicker, symbol: Symbol, *, received_at: datetime, simulated: bool) -> Ticker:
    """Convert an entry of `ticker.24hr`, whose quotes are as old as its `closeTime`.

    It does not tell when the last trade was. The cache takes that over from the push feed while `sequence` is the same.

    Raises:
        SourceProtocolError: the time is out of range.
    """
    closed_at = parse_event_time(raw.close_time)
    bid, ask = nonzero(raw.bid_price), nonzero(raw.ask_price)
    return Ticker(
        source=Source.BINANCE,
        symbol=symbol,
        price=raw.last_price,
        observed_at=closed_at,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        # -1 if nothing was traded within the window.
        sequence=max(raw.last_id, 0),
        bid=bid,
        ask=ask,
        bid_size=raw.bid_qty if bid else None,
        ask_size=raw.ask_qty if ask else None,
        quoted_at=closed_at if bid or ask else None,
        open_24h=nonzero(raw.open_price),
        change_percent_24h=raw.price_change_percent,
        high_24h=nonzero(raw.high_price),
        low_24h=nonzero(raw.low_price),
        volume_24h=raw.volume,
        quote_volume_24h=raw.quote_volume,
        simulated=simulated,
    )
