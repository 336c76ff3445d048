"""Chooses the minutes to compare with their source next. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from history.check_runs import CheckRun, list_unchecked
from history.coverage import CoveredSpan, find_gaps
from history.interval import Interval, TimeSpan, span_at
from history.kline import MINUTE, KlineTraits
from rates.symbol import Symbol

# A kline may still change for a while after its minute.
SETTLED_AFTER = 2 * MINUTE
# Minutes without a gap are compared an hour at a time, with a gap five minutes after the last time: one call each.
CHECK_EVERY, FILL_EVERY = 60 * MINUTE, 5 * MINUTE


class SeriesChecks(NamedTuple):
    """Verdicts and covered spans of one instrument, both in order."""

    series: int
    runs: Sequence[CheckRun]
    spans: Sequence[CoveredSpan]


class CheckState(NamedTuple):
    """State of a source: the recorder has stored all minutes until `minutes_until`."""

    minutes_until: datetime
    instruments: dict[Symbol, SeriesChecks]


def checkable(state: CheckState, traits: KlineTraits, *, now: datetime, since: datetime) -> TimeSpan | None:
    """Return the time that can be compared, back to `since` or the reach of the source.

    It is stored here, and settled there.
    """
    if traits.reach is not None:
        since = max(since, now - traits.reach)
    end = min(state.minutes_until, span_at(Interval.M1, now - SETTLED_AFTER).start)
    start = span_at(Interval.M1, since).end
    return TimeSpan(start, end) if start < end else None


def plan_window(whole: TimeSpan, checks: SeriesChecks, traits: KlineTraits) -> TimeSpan | None:
    """Return the newest page of an instrument that is due, `None` if none is."""
    for unchecked in list_unchecked(whole, checks.runs):
        length = unchecked.end - unchecked.start
        has_gap = next(find_gaps(unchecked, checks.spans), None) is not None
        is_behind = unchecked.end < whole.end
        if is_behind or length >= CHECK_EVERY or (has_gap and length >= FILL_EVERY):
            page = timedelta(minutes=traits.page)
            return TimeSpan(max(unchecked.start, unchecked.end - page), unchecked.end)
    return None
