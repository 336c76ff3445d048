"""The last trade of an instrument before a time, found in its bars. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from gateway.queries.rate import Rate
from history.candle_fold import KnownBar
from history.coverage import CandleCoverage
from history.interval import Interval, span_at
from history.sampling import is_sampled
from history.span_close import SpanClose
from rates.source import ObservedAtOrigin
from rates.ticker import Ticker, TickerKey


class TradeBefore(NamedTuple):
    """A trade.

    `is_last` is `False` if there may be later ones in the same bar before the time that was asked for.
    """

    price: Decimal
    traded_at: datetime
    known_at: datetime
    is_last: bool


class RateAt(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The last known trade at or before a time, as a rate at that time (`rate.now`).

    `coverage`: COMPLETE if it is known that no other trade followed; UNKNOWN if nothing is known of the time since. `known_at`: since
    when the trade is known.
    """

    rate: Rate
    coverage: CandleCoverage
    known_at: datetime


def find_trade_before(bars: Iterable[KnownBar], at: datetime) -> TradeBefore | None:
    """Return the latest trade of some bars that was made at or before `at`; `None` without one.

    The trades of a minute from a source's kline are dated by its end, so that one may have been made before `at` all the same.
    """
    known = list(bars)
    found = [trade for bar in known if (trade := _find_in(bar, at)) is not None]
    last = max(found, key=lambda trade: (trade.traded_at, trade.is_last), default=None)
    if last is not None and any(_may_precede(bar.bar.first_at, at) for bar in known):
        return last._replace(is_last=False)
    return last


def _may_precede(first_at: datetime, at: datetime) -> bool:
    """Return whether a later trade has the end of the minute of `at` for its time."""
    minute = span_at(Interval.M1, at)
    return at < first_at == minute.end - timedelta.resolution


def _find_in(known: KnownBar, at: datetime) -> TradeBefore | None:
    bar = known.bar
    if bar.last_at <= at:
        return TradeBefore(bar.close, bar.last_at, known.known_at, is_last=True)
    if bar.first_at <= at:
        # Trades between the first and the last one of a bar are not known one by one.
        return TradeBefore(bar.open, bar.first_at, known.known_at, is_last=False)
    return None


def judge_since(
    own: SpanClose, later: SpanClose, unit: timedelta, span: timedelta, *, is_last: bool
) -> CandleCoverage:
    """Return how much is known of the time since a trade.

    `own`: the part with the trade, of length `unit`. `later`: those after it, up to the time asked for, of length `span`.
    """
    if is_last and own.whole == 1 and later.whole * unit == span:
        return CandleCoverage.COMPLETE
    if span and not later.known:
        return CandleCoverage.UNKNOWN
    return CandleCoverage.PARTIAL


def to_ticker(key: TickerKey, trade: TradeBefore, *, simulated: bool) -> Ticker:
    """Return the trade, or the sample, as an observation of its source."""
    return Ticker(
        source=key.source,
        symbol=key.symbol,
        price=trade.price,
        observed_at=trade.traded_at,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=trade.known_at,
        last_trade_at=None if is_sampled(key.source) else trade.traded_at,
        simulated=simulated,
    )
