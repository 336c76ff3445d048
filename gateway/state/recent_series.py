"""The last minutes of one instrument's trades, as the batches of its feed told them. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from history.bar import Bar, fold, merge
from history.bar_rows import Correction, compare
from history.coverage import (
    OPEN,
    CandleCoverage,
    CoveredSpan,
    GapReason,
    clip_open,
    end_spans,
    judge_coverage,
    start_span,
)
from history.interval import Interval, TimeSpan, span_at
from history.second_fold import SECOND, SecondBar

MINUTE = timedelta(minutes=1)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class RecentSecond(msgspec.Struct, frozen=True, gc=False):
    """A second with trades.

    `late`: for each change that came after the second had closed, until when all spans had closed by then.
    """

    bar: Bar
    known_at: datetime
    late: tuple[datetime, ...] = ()


class RecentMinute:
    """The closed seconds of a minute, by time, and their fold.

    `corrected`: those that changed after they had closed. `known_at`: since when all of it is known.
    """

    __slots__ = ("bar", "corrected", "known_at", "newest", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[datetime, RecentSecond] = {}
        self.corrected: dict[datetime, RecentSecond] = {}
        self.bar: Bar | None = None
        self.newest = self.known_at = _BEFORE_ALL

    def put(self, at: datetime, second: RecentSecond) -> None:
        """Set a second. The newest one costs least."""
        if second.late:
            self.corrected[at] = second
        if self.bar is None or at > self.newest:
            self.bar = second.bar if self.bar is None else merge(self.bar, second.bar)
            self.seconds[at], self.newest = second, at
            self.known_at = max(self.known_at, second.known_at)
            return
        self.seconds[at] = second
        self.seconds = dict(sorted(self.seconds.items()))
        self.bar = fold(each.bar for each in self.seconds.values())
        self.known_at = max(each.known_at for each in self.seconds.values())


class RecentSeries:
    """The seconds of one instrument: closed ones by minute, and the forming one.

    `closed_until`: all spans that end by then have closed; it never goes back. `version` counts changes of what had closed, and of
    covered spans.
    """

    def __init__(self) -> None:
        self.minutes: dict[datetime, RecentMinute] = {}
        self.forming: SecondBar | None = None
        self.formed_at = _BEFORE_ALL
        self.spans: list[CoveredSpan] = []
        self.closed_until = _BEFORE_ALL
        self.version = 0

    @property
    def is_covered(self) -> bool:
        """Whether its last covered span goes on."""
        return bool(self.spans) and self.spans[-1].end == OPEN

    def add_second(self, second: SecondBar, known_at: datetime, closed_until: datetime) -> int:
        """Add a closed second. Returns the seconds added.

        `closed_until`: until when spans had closed before.
        """
        at = second.open_time
        if self.forming is not None and at >= self.forming.open_time:
            self.forming = None
        start = span_at(Interval.M1, at).start
        minute = self.minutes.get(start)
        if minute is None:
            minute = self.minutes[start] = RecentMinute()
        known = minute.seconds.get(at)
        if known is not None or at + SECOND <= max(closed_until, self.closed_until):
            self.version += 1
        late = (closed_until,) if closed_until >= at + SECOND else ()
        if known is None:
            minute.put(at, RecentSecond(second.bar, known_at, late))
            return 1
        match compare(known.bar, second.bar):
            case Correction.ADDS:
                minute.put(at, RecentSecond(merge(known.bar, second.bar), known_at, known.late + late))
            case Correction.REPLACES:
                minute.put(at, RecentSecond(second.bar, known_at, known.late + late))
            case Correction.UNCLEAR:
                self.leave_out(at)
            case Correction.NOTHING_NEW:
                pass
        return 0

    def set_forming(self, second: SecondBar, known_at: datetime) -> None:
        """Set the second that is not over, and close the spans that ended before it."""
        self.forming, self.formed_at = second, known_at
        if second.open_time + SECOND <= self.closed_until:
            self.version += 1
        self.closed_until = max(self.closed_until, second.open_time)

    def read_minute(self, start: datetime) -> tuple[Bar | None, datetime | None, int]:
        """Return the bar of a minute, since when it is known, and its changes since it closed."""
        minute, forming = self.minutes.get(start), self.forming
        if forming is not None and not start <= forming.open_time < start + MINUTE:
            forming = None
        if minute is None:
            return (None, None, 0) if forming is None else (forming.bar, self.formed_at, 0)
        known_at = minute.known_at
        late = sum(at >= start + MINUTE for second in minute.corrected.values() for at in second.late)
        if forming is None:
            return minute.bar, known_at, late
        known_at = max(known_at, self.formed_at)
        if minute.bar is not None and forming.open_time > minute.newest:
            return merge(minute.bar, forming.bar), known_at, late
        window = TimeSpan(start, start + MINUTE)
        return fold(second.bar for _, second in self.read_seconds(window)), known_at, late

    def read_seconds(self, window: TimeSpan) -> Iterator[tuple[datetime, RecentSecond]]:
        """Yield the seconds with trades that begin in a time, the forming one included, in order."""
        found: dict[datetime, RecentSecond] = {}
        for start in sorted(self.minutes):
            if window.start - MINUTE < start < window.end:
                seconds = self.minutes[start].seconds
                found |= {at: one for at, one in seconds.items() if window.start <= at < window.end}
        if self.forming is not None and window.start <= self.forming.open_time < window.end:
            at = self.forming.open_time
            known = found.get(at)
            bar = self.forming.bar if known is None else join_told(known.bar, self.forming.bar)
            found[at] = RecentSecond(bar, self.formed_at, () if known is None else known.late)
            found = dict(sorted(found.items()))
        yield from found.items()

    def count_late(self, span: TimeSpan) -> int:
        """Return the changes of a span since it closed."""
        # Asked for each candle of a second at each change: nearly all minutes have no correction.
        return sum(
            until >= span.end
            for minute in self.minutes.values()
            for at, second in minute.corrected.items()
            if span.start <= at < span.end
            for until in second.late
        )

    def coverage_of(self, window: TimeSpan, through: datetime | None, *, has_trades: bool) -> CandleCoverage:
        """Return the coverage of a time. `through`: until when open spans are proved."""
        return judge_coverage(window, self.clipped_spans(through), has_trades=has_trades)

    def clipped_spans(self, through: datetime | None) -> list[CoveredSpan]:
        """Return the covered spans as far as they are proved."""
        return clip_open(self.spans, through)

    def start_span(self, at: datetime) -> None:
        """Begin a covered span."""
        self.version += 1
        self.spans = start_span(self.spans, at)

    def end_span(self, at: datetime, reason: GapReason) -> None:
        """End all covered spans at a time."""
        self.version += 1
        self.spans = end_spans(self.spans, at, reason)

    def leave_out(self, second: datetime) -> None:
        """Leave a second out of the covered spans, of which no sum is known."""
        self.version += 1
        end = second + SECOND
        after = [
            CoveredSpan(max(span.start, end), span.end, span.reason) for span in self.spans if span.end > end
        ]
        self.spans = [*end_spans(self.spans, second, GapReason.REFUSED), *after]

    def trim(self, horizon: datetime) -> int:
        """Forget what ended before a time. Returns the seconds forgotten."""
        self.version += 1
        self.spans = [span for span in self.spans if span.end > horizon]
        if self.forming is not None and self.forming.open_time < horizon:
            self.forming = None
        over = [start for start in self.minutes if start + MINUTE <= horizon]
        return sum(len(self.minutes.pop(start).seconds) for start in over)


def join_told(known: Bar, other: Bar) -> Bar:
    """Return what is known of a second of which two bars were told."""
    match compare(known, other):
        case Correction.ADDS:
            return merge(known, other)
        case Correction.REPLACES:
            return other
        case _:
            return known
