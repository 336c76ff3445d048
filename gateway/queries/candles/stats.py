"""Statistics of a window of time, from the minutes in it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from math import log, sqrt
from typing import NamedTuple

import msgspec

from history.candle import Candle
from history.candle_parts import fold_span
from history.exact import add, divide, multiply
from history.interval import Interval, TimeSpan, span_at
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Steps of a window: their closes make the mean by time and the volatility.
STEPS = 288
MINUTE = timedelta(minutes=1)
DAY_MS = 86_400_000
# Of 32 bits, the most of `Int` in GraphQL: 24 days and some hours.
MIN_WINDOW, MAX_WINDOW = MINUTE, timedelta(days=24)
_MILLISECOND = timedelta(milliseconds=1)


class StatsQuery(NamedTuple):
    """The last `window` of the trades of a symbol. `source`: `None` for the first by preference."""

    symbol: Symbol
    source: Source | None = None
    window: timedelta = timedelta(days=1)


class WindowStats(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Statistics of the whole minutes of a window.

    `whole`: all of it as one candle. `twap`: the mean of the closes of its steps. `volatility`: the square root of the sum of the squared
    logarithmic returns from step to step, of the window, not of a year. Both `None` if less than two steps have a price.
    """

    key: TickerKey
    window: TimeSpan
    whole: Candle
    twap: Decimal | None
    volatility: float | None

    @property
    def change(self) -> Decimal | None:
        """The close less the open."""
        bar = self.whole.bar
        return None if bar is None else _subtract(bar.close, bar.open)

    @property
    def change_percent(self) -> Decimal | None:
        """The change in percent of the open."""
        bar = self.whole.bar
        return (
            None if bar is None else divide(multiply(_subtract(bar.close, bar.open), Decimal(100)), bar.open)
        )


def check_stats(query: StatsQuery) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: the window is too short or too long.
    """
    if not MIN_WINDOW <= query.window <= MAX_WINDOW:
        expected = f"{MIN_WINDOW // _MILLISECOND} to {MAX_WINDOW // _MILLISECOND}"
        raise InvalidArgument("windowMs", query.window // _MILLISECOND, expected)


def list_steps(window: timedelta, now: datetime) -> list[TimeSpan]:
    """Return the steps of a window up to the last whole minute.

    They are whole minutes, of equal length but for the first.
    """
    end = span_at(Interval.M1, now).start
    start = span_at(Interval.M1, end - window).start
    length = max(MINUTE, -(-(end - start) // (STEPS * MINUTE)) * MINUTE)
    return list(reversed(list(_steps_back(start, end, length))))


def _steps_back(start: datetime, end: datetime, length: timedelta) -> Iterator[TimeSpan]:
    while end > start:
        yield TimeSpan(max(start, end - length), end)
        end -= length


def compute_stats(
    key: TickerKey, steps: Sequence[Candle], *, as_of: datetime, simulated: bool
) -> WindowStats:
    """Return the statistics of steps in the order of time, without a hole between two."""
    window = TimeSpan(steps[0].open_time, steps[-1].close_time)
    closes = list(_closes(steps))
    return WindowStats(
        key=key,
        window=window,
        whole=fold_span(Interval.M1, window, steps, as_of=as_of, simulated=simulated),
        twap=divide(reduce(add, closes), Decimal(len(closes))) if len(closes) > 1 else None,
        volatility=_realised_volatility(closes) if len(closes) > 1 else None,
    )


def _closes(steps: Sequence[Candle]) -> Iterator[Decimal]:
    """Yield the price at the end of each step, from the first one with a trade on."""
    last: Decimal | None = None
    for step in steps:
        if step.bar is not None:
            last = step.bar.close
        if last is not None:
            yield last


def _subtract(one: Decimal, other: Decimal) -> Decimal:
    return add(one, multiply(other, Decimal(-1)))


def _realised_volatility(closes: Sequence[Decimal]) -> float:
    logs = [log(close) for close in closes]
    return sqrt(sum((later - earlier) ** 2 for earlier, later in pairwise(logs)))
