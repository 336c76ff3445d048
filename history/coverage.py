"""Coverage: which times are known completely, and why others are not. Pure.

Only what was proved counts as covered: a time about which nothing was recorded is a gap, never a time without trades.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from history.interval import TimeSpan


class CandleCoverage(StrEnum):
    """The known part of a candle's time.

    PARTIAL: a part of it, or nothing but some trades. NO_TRADES: all of it, and nothing was traded. UNKNOWN: nothing.
    """

    COMPLETE = "COMPLETE"
    PARTIAL = "PARTIAL"
    NO_TRADES = "NO_TRADES"
    UNKNOWN = "UNKNOWN"


# All of the time is known.
WHOLE = (CandleCoverage.COMPLETE, CandleCoverage.NO_TRADES)


class GapReason(StrEnum):
    """Reasons for which trades may be missing."""

    DISCONNECTED = "DISCONNECTED"
    """No process had a working connection to the source, or trades were lost on one."""
    STALLED = "STALLED"
    """The connection or the trade channel stood open and said nothing."""
    HALTED = "HALTED"
    """The source did not trade the instrument."""
    NOT_TRACKED = "NOT_TRACKED"
    """The instrument was not tracked."""
    REFUSED = "REFUSED"
    """The source refused the subscription, or a trade was refused because it cannot be true."""


class CoveredSpan(msgspec.Struct, frozen=True):
    """A time of which every trade was recorded. `reason`: why it ended; `None` while it goes on."""

    start: datetime
    end: datetime
    reason: GapReason | None = None


class Gap(msgspec.Struct, frozen=True):
    """A time in which trades may be missing."""

    start: datetime
    end: datetime
    reason: GapReason


# The end of a span that goes on.
OPEN = datetime.max.replace(tzinfo=UTC)


def join_spans(spans: Iterable[CoveredSpan]) -> list[CoveredSpan]:
    """Return the same times as disjoint spans in order, of which none touches the next."""
    joined: list[CoveredSpan] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end)):
        if span.end <= span.start:
            continue
        last = joined[-1] if joined else None
        if last is None or span.start > last.end:
            joined.append(span)
        elif span.end >= last.end:
            joined[-1] = CoveredSpan(last.start, span.end, span.reason)
    return joined


def start_span(spans: Sequence[CoveredSpan], at: datetime) -> list[CoveredSpan]:
    """Return the spans with one more that goes on from `at`, given disjoint ones in order."""
    return join_spans([*spans, CoveredSpan(at, OPEN)])


def end_spans(spans: Sequence[CoveredSpan], at: datetime, reason: GapReason) -> list[CoveredSpan]:
    """Return the spans without anything after `at`, given disjoint spans in order."""
    return [
        span if span.end <= at else CoveredSpan(span.start, at, reason) for span in spans if span.start < at
    ]


def clip_open(spans: Iterable[CoveredSpan], through: datetime | None) -> list[CoveredSpan]:
    """Return the spans, those that go on until `through` only."""
    clipped = []
    for span in spans:
        end = through if span.end == OPEN else span.end
        if end is not None and end > span.start:
            clipped.append(CoveredSpan(span.start, end, span.reason))
    return clipped


def find_gaps(window: TimeSpan, spans: Sequence[CoveredSpan]) -> Iterator[Gap]:
    """Yield the gaps of `window`, given disjoint spans in order.

    Before the first span the instrument was not tracked; behind each other one the gap has the span's reason.
    """
    start, reason = window.start, GapReason.NOT_TRACKED
    for span in spans:
        if span.start >= window.end:
            break
        if span.start > start:
            yield Gap(start, span.start, reason)
        start, reason = max(start, span.end), span.reason or GapReason.DISCONNECTED
    if start < window.end:
        yield Gap(start, window.end, reason)


def covered(window: TimeSpan, spans: Iterable[CoveredSpan]) -> bool | None:
    """Return whether `window` is covered: all of it, none of it (`False`) or a part (`None`).

    The spans are disjoint and do not touch.
    """
    touching = [span for span in spans if span.start < window.end and span.end > window.start]
    if not touching:
        return False
    only = touching[0]
    return True if only.start <= window.start and only.end >= window.end else None


def judge_coverage(window: TimeSpan, spans: Iterable[CoveredSpan], *, has_trades: bool) -> CandleCoverage:
    """Return the coverage of a candle of the time `window`, given disjoint spans."""
    match covered(window, spans):
        case True:
            return CandleCoverage.COMPLETE if has_trades else CandleCoverage.NO_TRADES
        case False if not has_trades:
            return CandleCoverage.UNKNOWN
        case _:
            return CandleCoverage.PARTIAL


def fold_coverage(parts: Sequence[CandleCoverage], count: int) -> CandleCoverage:
    """Return the coverage of a candle from those of its parts.

    `count`: all of them, the unknown ones included.
    """
    whole = sum(part in WHOLE for part in parts)
    if whole == count:
        has_trades = CandleCoverage.COMPLETE in parts
        return CandleCoverage.COMPLETE if has_trades else CandleCoverage.NO_TRADES
    is_unknown = all(part is CandleCoverage.UNKNOWN for part in parts)
    return CandleCoverage.UNKNOWN if is_unknown else CandleCoverage.PARTIAL
