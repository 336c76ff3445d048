"""Intervals of candles and their boundaries, in UTC or in any time zone. Pure.

The spans of an interval tile the time axis: none overlaps, none is missing, whatever the zone does to its clocks. Those of up to an
hour have their length, except for the ones that a change of the clocks cuts. Those of several hours, days, weeks and
months begin at wall-clock times, so that a day of 23 or 25 hours is one day.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple, Self

from history.time_zone import find_transition, first_instant, utc_offset

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_RESOLUTION = timedelta(microseconds=1)
# The first Monday after the epoch. A week begins on Monday, as in ISO 8601.
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


class TimeSpan(NamedTuple):
    """From `start` to just before `end`."""

    start: datetime
    end: datetime


class Interval(StrEnum):
    """Lengths of candles. `length` is the nominal one, and `None` for a month."""

    length: timedelta | None

    def __new__(cls, name: str, length: timedelta | None = None) -> Self:
        member = str.__new__(cls, name)
        member._value_, member.length = name, length
        return member

    S1 = "S1", timedelta(seconds=1)
    M1 = "M1", timedelta(minutes=1)
    M5 = "M5", timedelta(minutes=5)
    M15 = "M15", timedelta(minutes=15)
    M30 = "M30", timedelta(minutes=30)
    H1 = "H1", _HOUR
    H4 = "H4", timedelta(hours=4)
    H12 = "H12", timedelta(hours=12)
    D1 = "D1", _DAY
    W1 = "W1", timedelta(weeks=1)
    MN1 = "MN1"


def span_at(interval: Interval, at: datetime, zone: tzinfo = UTC) -> TimeSpan:
    """Return the span of `interval` that `at` is in."""
    length = interval.length
    if length is None:
        return _month_at(at) if zone is UTC else _wall_span_at(interval, at, zone)
    if zone is UTC:
        start = at - (at - _MONDAY) % length
        return TimeSpan(start, start + length)
    return _short_span_at(length, at, zone) if length <= _HOUR else _wall_span_at(interval, at, zone)


def spans_between(
    interval: Interval, start: datetime, end: datetime, zone: tzinfo = UTC
) -> Iterator[TimeSpan]:
    """Yield all spans that have a part between `start` and `end`, in order."""
    while start < end:
        span = span_at(interval, start, zone)
        yield span
        start = span.end


def _month_at(at: datetime) -> TimeSpan:
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return TimeSpan(start, _next_month(start))


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)


def _short_span_at(length: timedelta, at: datetime, zone: tzinfo) -> TimeSpan:
    """Count from the local hour, at the present offset.

    A change of the offset ends one span and begins another.
    """
    offset = utc_offset(at, zone)
    start = at - (at + offset - _MONDAY) % length
    end = start + length
    if utc_offset(start, zone) != offset:
        start = find_transition(start, at, zone)
    if utc_offset(end - _RESOLUTION, zone) != offset:
        end = find_transition(at, end - _RESOLUTION, zone)
    return TimeSpan(start, end)


def _wall_span_at(interval: Interval, at: datetime, zone: tzinfo) -> TimeSpan:
    """Begin at the last boundary that the wall clock has passed, even if it went back since."""
    wall = _floor_wall(interval, at.astimezone(zone).replace(tzinfo=None, fold=0))
    start = first_instant(wall, zone)
    while True:
        wall = _next_wall(interval, wall)
        end = first_instant(wall, zone)
        if end > at:
            return TimeSpan(start, end)
        start = end


def _floor_wall(interval: Interval, wall: datetime) -> datetime:
    hours = interval.length // _HOUR if interval.length is not None and interval.length < _DAY else 24
    wall = wall.replace(hour=wall.hour // hours * hours, minute=0, second=0, microsecond=0)
    if interval is Interval.W1:
        return wall - wall.weekday() * _DAY
    return wall.replace(day=1) if interval is Interval.MN1 else wall


def _next_wall(interval: Interval, wall: datetime) -> datetime:
    return _next_month(wall) if interval.length is None else wall + interval.length
