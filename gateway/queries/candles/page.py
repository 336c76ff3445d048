"""The spans of a page of candles. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from gateway.queries.candles.query import RESOLUTION, CandlesQuery
from history.candle_parts import Portion
from history.interval import Interval, TimeSpan, span_at
from history.second_fold import CLOSE_AFTER
from history.time_zone import parse_zone

# Minutes that one page may be folded from: 69 days, or 300 candles of up to 5 hours. A page of longer candles is shorter.
MAX_MINUTES = 100_000
MINUTE = timedelta(minutes=1)
_LONGEST_MONTH = timedelta(days=31)


class PageSpans(NamedTuple):
    """The spans of the candles of a page in order, and whether earlier ones are left."""

    spans: Sequence[TimeSpan]
    has_more: bool

    @property
    def window(self) -> TimeSpan:
        """The time from the first candle to the last."""
        return TimeSpan(self.spans[0].start, self.spans[-1].end)


def max_candles(interval: Interval) -> int:
    """Return the most candles of a page."""
    length = _LONGEST_MONTH if interval.length is None else interval.length
    return max(1, int(MAX_MINUTES * MINUTE / length))


def list_spans(query: CandlesQuery, earliest: datetime, now: datetime) -> PageSpans:
    """Return the spans of a page, given the beginning of the history and the time of the answer."""
    zone = parse_zone(query.zone)
    # Candles begin before `until`, and not before `since`.
    until = min(time for time in (query.end, query.before, now + RESOLUTION) if time is not None)
    since = span_at(query.interval, earliest, zone).start
    if query.start is not None:
        since = max(since, query.start)
    most = min(query.last, max_candles(query.interval))
    spans: list[TimeSpan] = []
    while until > since and len(spans) <= most:
        span = span_at(query.interval, until - RESOLUTION, zone)
        if span.start < since:
            break
        spans.append(span)
        until = span.start
    return PageSpans(spans[most - 1 :: -1], has_more=len(spans) > most)


def make_portions(spans: Sequence[TimeSpan], until: datetime) -> list[Portion]:
    """Return the parts of the spans before `until`."""
    return [
        Portion(TimeSpan(span.start, min(span.end, until)), span.end + CLOSE_AFTER)
        for span in spans
        if span.start < until
    ]


def are_contiguous(spans: Sequence[TimeSpan]) -> bool:
    """Return whether each span begins where the one before ends."""
    return all(one.end == other.start for one, other in pairwise(spans))
