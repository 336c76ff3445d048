"""Folds candles into longer ones, with their coverage. Pure.

`history.candle_fold` makes candles of bars and spans; here everything that is known of a part is in the part itself, so that an
answer can be given again as it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from history.bar import fold
from history.candle import Candle, CandleOrigin, CandleState, closed_state
from history.candle_fold import KnownBar
from history.coverage import WHOLE, CandleCoverage
from history.interval import Interval, TimeSpan, span_at, spans_between
from history.second_fold import CLOSE_AFTER


class Portion(NamedTuple):
    """A part of the time of a candle that closes at `closes_at`, or all of it."""

    span: TimeSpan
    closes_at: datetime


_NOTHING = timedelta(0)


def fold_parts(
    interval: Interval,
    window: TimeSpan,
    parts: Iterable[Candle],
    *,
    as_of: datetime,
    zone: tzinfo = UTC,
    simulated: bool = False,
) -> Iterator[Candle]:
    """Yield the candles of every span that has a part in `window`, without a hole between two.

    `parts`: in the order of their times, each within one span of `interval`. A time without a part is unknown.
    """
    spans = spans_between(interval, window.start, window.end, zone)
    return fold_spans(interval, spans, parts, as_of=as_of, simulated=simulated)


def fold_spans(
    interval: Interval,
    spans: Iterable[TimeSpan],
    parts: Iterable[Candle],
    *,
    as_of: datetime,
    simulated: bool = False,
) -> Iterator[Candle]:
    """Yield one candle for each span. Spans and parts are in the order of their times."""
    waiting = iter(parts)
    part = next(waiting, None)
    for span in spans:
        while part is not None and part.open_time < span.start:
            part = next(waiting, None)
        inside: list[Candle] = []
        while part is not None and part.open_time < span.end:
            inside.append(part)
            part = next(waiting, None)
        yield fold_span(interval, span, inside, as_of=as_of, simulated=simulated)


def fold_span(
    interval: Interval, span: TimeSpan, parts: Sequence[Candle], *, as_of: datetime, simulated: bool = False
) -> Candle:
    """Return the candle of one span, of its parts in the order of time."""
    closes_at = span.end + CLOSE_AFTER
    if as_of < closes_at:
        return _make(interval, span, parts, CandleState.FORMING, 0, asked_at=as_of, simulated=simulated)
    revision = _count_corrections(closes_at, parts)
    return _make(interval, span, parts, closed_state(revision), revision, simulated=simulated)


def fold_portions(
    portions: Iterable[Portion], parts: Iterable[Candle], *, simulated: bool = False
) -> list[Candle]:
    """Fold parts in the order of time into one for each portion of which something is known."""
    found = []
    waiting = iter(parts)
    part = next(waiting, None)
    for span, closes_at in portions:
        inside: list[Candle] = []
        while part is not None and part.open_time < span.end:
            inside.append(part)
            part = next(waiting, None)
        if inside:
            revision = _count_corrections(closes_at, inside)
            found.append(
                _make(Interval.M1, span, inside, closed_state(revision), revision, simulated=simulated)
            )
    return found


def fold_minutes(
    seconds: Iterable[KnownBar], *, as_of: datetime, simulated: bool = False
) -> Iterator[Candle]:
    """Fold seconds in the order of time into minutes. Nothing proves that none is missing."""
    minute: list[KnownBar] = []
    span: TimeSpan | None = None
    for second in seconds:
        if span is not None and second.open_time >= span.end:
            yield _unproved_minute(span, minute, as_of, simulated=simulated)
            span = None
        if span is None:
            span, minute = span_at(Interval.M1, second.open_time), []
        minute.append(second)
    if span is not None:
        yield _unproved_minute(span, minute, as_of, simulated=simulated)


def _unproved_minute(
    span: TimeSpan, seconds: Sequence[KnownBar], as_of: datetime, *, simulated: bool
) -> Candle:
    is_forming = as_of < span.end + CLOSE_AFTER
    return Candle(
        interval=Interval.M1,
        open_time=span.start,
        close_time=span.end,
        bar=fold(one.bar for one in seconds),
        state=CandleState.FORMING if is_forming else CandleState.CLOSED,
        coverage=CandleCoverage.PARTIAL,
        revision=0,
        known_at=max(one.known_at for one in seconds),
        simulated=simulated,
    )


def _make(
    interval: Interval,
    span: TimeSpan,
    parts: Sequence[Candle],
    state: CandleState,
    revision: int,
    *,
    asked_at: datetime | None = None,
    simulated: bool,
) -> Candle:
    bars = [part.bar for part in parts if part.bar is not None]
    others = (part.origin for part in parts if part.origin is not CandleOrigin.TRADES)
    return Candle(
        interval=interval,
        open_time=span.start,
        close_time=span.end,
        bar=fold(bars),
        state=state,
        coverage=_judge(span, parts, has_trades=bool(bars)),
        revision=revision,
        known_at=max(
            (part.known_at for part in parts),
            default=span.end if asked_at is None else min(span.end, asked_at),
        ),
        origin=next(others, CandleOrigin.TRADES),
        simulated=simulated,
    )


def _judge(span: TimeSpan, parts: Sequence[Candle], *, has_trades: bool) -> CandleCoverage:
    whole = sum((part.close_time - part.open_time for part in parts if part.coverage in WHOLE), _NOTHING)
    if whole == span.end - span.start:
        return CandleCoverage.COMPLETE if has_trades else CandleCoverage.NO_TRADES
    is_known = has_trades or any(part.coverage is not CandleCoverage.UNKNOWN for part in parts)
    return CandleCoverage.PARTIAL if is_known else CandleCoverage.UNKNOWN


def _count_corrections(closes_at: datetime, parts: Iterable[Candle]) -> int:
    """Count the corrections of parts that came after the candle had closed."""
    return sum(part.revision for part in parts if part.known_at > closes_at)
