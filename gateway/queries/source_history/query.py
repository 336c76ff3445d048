"""The arguments of a query for the record of a source, as a plain value, and its points."""

from datetime import datetime, timedelta
from math import ceil
from typing import NamedTuple

from history.interval import Interval, TimeSpan
from history.source_record import FIGURE_INTERVALS
from rates.clock import EPOCH
from rates.errors import InvalidArgument
from rates.source import Source

MAX_POINTS = 240
MAX_PERIODS = 500


def _length(interval: Interval) -> timedelta:
    assert interval.length is not None
    return interval.length


LONGEST = MAX_POINTS * _length(FIGURE_INTERVALS[-1])


class SourceHistoryQuery(NamedTuple):
    """The record of a source from `start` to just before `end`."""

    source: Source
    start: datetime
    end: datetime


class PointPlan(NamedTuple):
    """Points of the length of `interval`, at whole multiples of it in UTC."""

    interval: Interval
    starts: tuple[datetime, ...]

    @property
    def step(self) -> timedelta:
        return _length(self.interval)

    @property
    def window(self) -> TimeSpan:
        """All of their time."""
        return TimeSpan(self.starts[0], self.starts[-1] + self.step)


def check_source_history(query: SourceHistoryQuery) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: the time is empty, or too long.
    """
    if not query.start < query.end <= query.start + LONGEST:
        expected = f"a time after `from`, at most {LONGEST.days} days"
        raise InvalidArgument("to", query.end.isoformat(), expected)


def interval_of(query: SourceHistoryQuery) -> Interval:
    """Return the shortest interval of which few enough fill the time of a valid query."""
    length = query.end - query.start
    return next(each for each in FIGURE_INTERVALS if length <= MAX_POINTS * _length(each))


def count_points(query: SourceHistoryQuery) -> int:
    """Return how many points a valid query has, at most."""
    return ceil((query.end - query.start) / _length(interval_of(query))) + 1


def plan_points(query: SourceHistoryQuery, now: datetime) -> PointPlan:
    """Return the points that have a part in the time of a valid query, up to now."""
    interval = interval_of(query)
    step = _length(interval)
    first = query.start - (query.start - EPOCH) % step
    end = max(min(query.end, now), first + timedelta.resolution)
    starts = tuple(first + number * step for number in range(ceil((end - first) / step)))
    return PointPlan(interval, starts)
