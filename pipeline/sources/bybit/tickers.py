"""Maps Bybit's values to tickers. Pure. A field is mapped only if it means the same."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from history.trade import Side, Trade
from pipeline.feeds.channel_monitor import CADENCES_MISSED
from pipeline.sources.bybit.messages import BybitBookEvent, BybitTickerEvent, BybitTrade
from pipeline.sources.numbers import parse_nonzero, parse_number
from pipeline.sources.trade_merger import LastTrade
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker

# "If there is no change within 3 seconds, the snapshot is pushed again" [documentation of orderbook.1].
BOOK_CADENCE_S = 3.0
BOOK_BOUND = CADENCES_MISSED * timedelta(seconds=BOOK_CADENCE_S)
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}


class BestPrices(msgspec.Struct, frozen=True):
    """The best price and size on each side of the order book, and when the book was sent."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    quoted_at: datetime | None = None


UNKNOWN = BestPrices()


def apply_book(event: BybitBookEvent, before: BestPrices) -> BestPrices:
    """Return the best prices after a book message.

    A delta changes only the sides that it contains.

    Raises:
    SourceProtocolError: a price or quantity is not a finite number.
    """
    if event.is_snapshot:
        before = UNKNOWN
    bid, bid_size = before.bid, before.bid_size
    if event.bids:
        bid, bid_size = max(_standing(event.bids), default=(None, None))
    ask, ask_size = before.ask, before.ask_size
    if event.asks:
        ask, ask_size = min(_standing(event.asks), default=(None, None))
    return BestPrices(bid, ask, bid_size, ask_size, _time(event.ts))


def to_ticker(
    event: BybitTickerEvent, best: BestPrices, symbol: Symbol, *, received_at: datetime, simulated: bool
) -> Ticker | None:
    """Convert a ticker message with the current best prices. `None` if nothing was ever traded.

    `cs` is Bybit's cross sequence, which orders messages of the same millisecond. `sequence` is twice as much, so that the trade
    that a ticker did not tell the time of can follow it (`TradeMerger`).

    Raises:
        SourceProtocolError: a field is not a number, or the time is invalid.
    """
    raw = event.ticker
    price = parse_number(Source.BYBIT, raw.price)
    if price is None:
        return None
    ratio = parse_number(Source.BYBIT, raw.change)
    return Ticker(
        source=Source.BYBIT,
        symbol=symbol,
        price=price,
        observed_at=_time(event.ts),
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=received_at,
        sequence=2 * event.cs,
        bid=best.bid,
        ask=best.ask,
        bid_size=best.bid_size,
        ask_size=best.ask_size,
        quoted_at=best.quoted_at if best.bid or best.ask else None,
        open_24h=parse_nonzero(Source.BYBIT, raw.opening),
        # A ratio, despite its name: "0.0196" is 1.96 %. Moving the decimal point keeps all digits.
        change_percent_24h=None if ratio is None else ratio.scaleb(2),
        high_24h=parse_nonzero(Source.BYBIT, raw.high),
        low_24h=parse_nonzero(Source.BYBIT, raw.low),
        volume_24h=parse_number(Source.BYBIT, raw.volume),
        quote_volume_24h=parse_number(Source.BYBIT, raw.turnover),
        simulated=simulated,
    )


def with_quotes(ticker: Ticker, best: BestPrices) -> Ticker:
    """Return a ticker with the current best prices."""
    return msgspec.structs.replace(
        ticker,
        bid=best.bid,
        ask=best.ask,
        bid_size=best.bid_size,
        ask_size=best.ask_size,
        quoted_at=best.quoted_at if best.bid or best.ask else None,
    )


def to_trade(raw: BybitTrade) -> Trade | None:
    """Convert one trade. `None` without an id or a quantity.

    Raises:
        SourceProtocolError: the time is invalid.
    """
    if raw.quantity is None or not raw.id:
        return None
    return Trade(raw.id, raw.price, raw.quantity, _time(raw.at), _SIDES.get(raw.side))


def to_last_trade(raw: BybitTrade) -> LastTrade:
    """Convert price and time of one trade. Trades are ordered by the cross sequence.

    Their ids are not numbers on all markets.

    Raises:
        SourceProtocolError: the price is not a finite number, or the time is invalid.
    """
    if not raw.price.is_finite():
        raise SourceProtocolError(Source.BYBIT, f"expected the price of a trade, saw {raw.price}")
    return LastTrade(raw.price, _time(raw.at), raw.seq)


def _standing(levels: Collection[tuple[Decimal, Decimal]]) -> list[tuple[Decimal, Decimal]]:
    if not all(number.is_finite() for level in levels for number in level):
        raise SourceProtocolError(Source.BYBIT, f"expected prices and quantities, saw {str(levels)[:160]}")
    return [(price, quantity) for price, quantity in levels if quantity and price]


def _time(milliseconds: int) -> datetime:
    try:
        return parse_ms(milliseconds)
    except OverflowError as exc:
        raise SourceProtocolError(Source.BYBIT, f"expected a time in ms, saw {milliseconds}") from exc
