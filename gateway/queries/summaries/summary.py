"""The summary of a symbol, made from the closes of quarter hours. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from history.coverage import CandleCoverage
from history.exact import add, divide, multiply
from history.interval import Interval, TimeSpan, span_at
from history.span_close import SpanClose
from rates.source import Source
from rates.symbol import Symbol

MINUTE, QUARTER, DAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(days=1)
QUARTERS = DAY // QUARTER
# The times for which changes are told.
CHANGES = (timedelta(hours=1), DAY, timedelta(days=7))
NOTHING = SpanClose(None, 0, 0)


class Summary(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The last day of one symbol at one source, `None` if no source tracks it.

    `closes` are the prices at `close_times`, `None` where the price is not known. `changes`: in percent over `CHANGES`, `None` where
    one of both prices is not known.
    """

    symbol: Symbol
    source: Source | None
    window: TimeSpan
    price: Decimal | None
    close_times: Sequence[datetime]
    closes: Sequence[Decimal | None]
    changes: tuple[Decimal | None, ...]
    coverage: CandleCoverage
    simulated: bool


class SummaryList(msgspec.Struct, frozen=True, eq=False):
    """Summaries in the order of their symbols. They change at `until`."""

    items: tuple[Summary, ...]
    until: datetime


class LastPrices(NamedTuple):
    """The last price at the end of the window, and those at its `CHANGES` before, by instrument."""

    now: Mapping[int, Decimal]
    before: tuple[Mapping[int, Decimal], ...]


class CloseGroups(NamedTuple):
    """The times of the points, and the quarter hours since the point before each."""

    times: Sequence[datetime]
    quarters: Sequence[Sequence[datetime]]


def list_quarters(end: datetime) -> list[datetime]:
    """Return the quarter hours of the day before `end`, and the one that is not over."""
    newest = span_at(Interval.M15, end).start
    return [newest - n * QUARTER for n in range(QUARTERS, -1, -1)]


def group_quarters(end: datetime, points: int) -> CloseGroups:
    """Divide the quarter hours among so many points, the last of which is at `end`."""
    quarters = list_quarters(end)
    cuts = [0, *((n + 1) * QUARTERS // points for n in range(points - 1)), len(quarters)]
    groups = [quarters[cuts[n] : cuts[n + 1]] for n in range(points)]
    return CloseGroups([*(group[-1] + QUARTER for group in groups[:-1]), end], groups)


def compute_closes(
    closes: Mapping[datetime, SpanClose], groups: CloseGroups, end: datetime
) -> Iterator[Decimal | None]:
    """Yield the price at each point: that of the last trade before it.

    Without a trade since the point before, the price is that of the point before if nothing is missing.
    """
    price: Decimal | None = None
    for quarters in groups.quarters:
        for start in quarters:
            found = closes.get(start, NOTHING)
            if found.close is not None:
                price = found.close
            elif found.whole * MINUTE != min(QUARTER, end - start):
                price = None
        yield price


def judge_quarters(closes: Mapping[datetime, SpanClose], window: TimeSpan) -> CandleCoverage:
    """Return how much of the window is known."""
    inside = closes.values()
    has_trades = any(each.close is not None for each in inside)
    if sum(each.whole for each in inside) * MINUTE == window.end - window.start:
        return CandleCoverage.COMPLETE if has_trades else CandleCoverage.NO_TRADES
    is_known = has_trades or any(each.known for each in inside)
    return CandleCoverage.PARTIAL if is_known else CandleCoverage.UNKNOWN


def change_percent(price: Decimal | None, before: Decimal | None) -> Decimal | None:
    """Return the change in percent of the price before; `None` if one of them is not known."""
    if price is None or before is None:
        return None
    difference = add(price, multiply(before, Decimal(-1)))
    return divide(multiply(difference, Decimal(100)), before)
