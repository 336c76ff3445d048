"""Maps Bybit's values to tickers. Pure. A field is mapped only if it means the same."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

import msgspec

from pipeline.sources.bybit.messages import BybitBookEvent, BybitTickerEvent
from pipeline.sources.numbers import parse_nonzero, parse_number
from rates.clock import parse_ms
from rates.errors import SourceProtocolError
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker


class BestPrices(msgspec.Struct, frozen=True):
    """The best price of each side of the order book, if there is one."""

    bid: Decimal | None = None
    ask: Decimal | None = None


UNKNOWN = BestPrices()


def apply_book(event: BybitBookEvent, before: BestPrices) -> BestPrices:
    """Return the best prices after a book message.

    A delta changes only the sides that it contains.

    Raises:
    SourceProtocolError: a price or quantity is not a finite number.
    """
    if event.is_snapshot:
        before = UNKNOWN
    return BestPrices(
        bid=max(_standing(event.bids), default=None) if event.bids else before.bid,
        ask=min(_standing(event.asks), default=None) if event.asks else before.ask,
    )


def to_ticker(
    event: BybitTickerEvent, best: BestPrices, symbol: Symbol, *, received_at: datetime, simulated: bool
) -> Ticker | None:
    """Convert a ticker message with the current best prices. `None` if nothing was ever traded.

    `cs` is Bybit's cross sequence, which orders messages of the same millisecond.

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
        sequence=event.cs,
        bid=best.bid,
        ask=best.ask,
        # A ratio, despite its name: "0.0196" is 1.96 %. Moving the decimal point keeps all digits.
        change_percent_24h=None if ratio is None else ratio.scaleb(2),
        high_24h=parse_nonzero(Source.BYBIT, raw.high),
        low_24h=parse_nonzero(Source.BYBIT, raw.low),
        volume_24h=parse_number(Source.BYBIT, raw.volume),
        simulated=simulated,
    )


def _standing(levels: Collection[tuple[Decimal, Decimal]]) -> list[Decimal]:
    if not all(number.is_finite() for level in levels for number in level):
        raise SourceProtocolError(Source.BYBIT, f"expected prices and quantities, saw {str(levels)[:160]}")
    return [price for price, quantity in levels if quantity and price]


def _time(milliseconds: int) -> datetime:
    try:
        return parse_ms(milliseconds)
    except OverflowError as exc:
        raise SourceProtocolError(Source.BYBIT, f"expected a time in ms, saw {milliseconds}") from exc
