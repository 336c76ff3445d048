"""The spans of a page of candles. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from gateway.queries.candles.query import RESOLUTION, CandlesQuery
from history.candle_parts import Portion
from history.interval import Interval, TimeSpan, span_at
from history.second_fold import CLOSE_AFTER
from history.time_zone import parse_zone, utc_offset

# Stored minutes, hours or days that one page may be folded from. A page of candles that needs more is shorter.
MAX_PARTS = 100_000
MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_LONGEST_MONTH = timedelta(days=31)
# Twice in each half of a year, so that a change of the clocks is seen.
_SEASONS = [timedelta(days=91 * quarter) for quarter in range(4)]


class PageSpans(NamedTuple):
    """The spans of the candles of a page in order, and whether earlier ones are left."""

    spans: Sequence[TimeSpan]
    has_more: bool

    @property
    def window(self) -> TimeSpan:
        """The time from the first candle to the last."""
        return TimeSpan(self.spans[0].start, self.spans[-1].end)


def part_length(interval: Interval, zone: tzinfo, now: datetime) -> timedelta:
    """Return the length of the stored parts from which candles are folded, but for the newest."""
    length = interval.length or _LONGEST_MONTH
    if length < HOUR:
        return MINUTE
    if zone is UTC:
        return HOUR if length < DAY else DAY
    # Hours are stored in UTC: those of a zone such as Asia/Kolkata begin within them.
    return MINUTE if any(utc_offset(now - season, zone) % HOUR for season in _SEASONS) else HOUR


def max_candles(interval: Interval, part: timedelta) -> int:
    """Return the most candles of a page."""
    length = interval.length or _LONGEST_MONTH
    return max(1, int(MAX_PARTS * part / length))


def list_spans(query: CandlesQuery, earliest: datetime, now: datetime) -> PageSpans:
    """Return the spans of a page, given the beginning of the history and the time of the answer."""
    zone = parse_zone(query.zone)
    # Candles begin before `until`, and not before `since`.
    until = min(time for time in (query.end, query.before, now + RESOLUTION) if time is not None)
    since = span_at(query.interval, earliest, zone).start
    if query.start is not None:
        since = max(since, query.start)
    most = min(query.last, max_candles(query.interval, part_length(query.interval, zone, now)))
    spans: list[TimeSpan] = []
    while until > since and len(spans) <= most:
        span = span_at(query.interval, until - RESOLUTION, zone)
        if span.start < since:
            break
        spans.append(span)
        until = span.start
    return PageSpans(spans[most - 1 :: -1], has_more=len(spans) > most)


def make_portions(spans: Sequence[TimeSpan], since: datetime, until: datetime) -> list[Portion]:
    """Return the parts of the spans between both times."""
    return [
        Portion(TimeSpan(max(span.start, since), min(span.end, until)), span.end + CLOSE_AFTER)
        for span in spans
        if span.start < until and span.end > since
    ]
