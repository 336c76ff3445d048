"""Klines: the candles of one minute that a source publishes itself. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from history.interval import Interval, TimeSpan, span_at
from history.trade_rules import HIGHEST_PRICE, LARGEST_QUANTITY
from rates.errors import SourceProtocolError
from rates.number import is_printable
from rates.source import Source

MINUTE = timedelta(minutes=1)


class Kline(msgspec.Struct, frozen=True):
    """The trades of the minute from `open_time` on, as the source sums them up.

    Without a trade it has a volume of zero. `quote_volume`, `trades`: `None` if the source does not tell.
    """

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal | None = None
    trades: int | None = None

    @property
    def has_trades(self) -> bool:
        return self.trades > 0 if self.trades is not None else self.volume > 0


class KlineTraits(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of a source's klines.

    `page`: minutes of one fetch. `reach`: how far back it goes; `None` if years. `omits_empty`: minutes without trades are left out.
    `may_open_at_close`: a kline may begin with the close of the one before it instead of with its first trade.
    """

    page: int
    reach: timedelta | None = None
    omits_empty: bool = False
    may_open_at_close: bool = False


class KlinePage(NamedTuple):
    """All klines that a source has of `window`, in order."""

    window: TimeSpan
    klines: Sequence[Kline]


def select_klines(source: Source, klines: Iterable[Kline], window: TimeSpan) -> list[Kline]:
    """Return those that begin in `window`, in order.

    Raises:
        SourceProtocolError: one of them cannot be true, or there are two of one minute. Then none can be trusted.
    """
    found: dict[datetime, Kline] = {}
    for kline in klines:
        if not window.start <= kline.open_time < window.end:
            continue
        if (fault := _find_fault(kline, found)) is not None:
            raise SourceProtocolError(source, f"expected klines of a minute, saw {fault}: {kline}")
        found[kline.open_time] = kline
    return [found[at] for at in sorted(found)]


def _find_fault(kline: Kline, found: Mapping[datetime, Kline]) -> str | None:
    numbers = [kline.open, kline.high, kline.low, kline.close, kline.volume, kline.quote_volume]
    if not all(number is None or is_printable(number) for number in numbers):
        return "a number that is not finite or has over 50 digits"
    inside = sorted((kline.open, kline.close))
    faults = {
        "a time that is no whole minute": span_at(Interval.M1, kline.open_time).start != kline.open_time,
        "a minute twice": kline.open_time in found,
        "prices that are not between low and high": not kline.low <= inside[0] <= inside[1] <= kline.high,
        "a price out of range": not 0 < kline.low <= kline.high <= HIGHEST_PRICE,
        "a volume out of range": not 0 <= kline.volume <= LARGEST_QUANTITY,
        "a negative number": (kline.quote_volume or 0) < 0 or (kline.trades or 0) < 0,
    }
    return next((fault for fault, is_there in faults.items() if is_there), None)
