"""Folds bars of seconds or minutes into candles of any interval, in any time zone. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo

import msgspec

from history.bar import Bar, fold
from history.candle import Candle, CandleOrigin, CandleState, closed_state
from history.coverage import CoveredSpan, judge_coverage
from history.interval import Interval, TimeSpan, spans_between
from history.second_fold import CLOSE_AFTER


class KnownBar(msgspec.Struct, frozen=True):
    """A bar of a second or a minute, as it has been known since `known_at`."""

    open_time: datetime
    bar: Bar
    known_at: datetime
    revision: int = 0


def fold_candles(
    interval: Interval,
    window: TimeSpan,
    parts: Iterable[KnownBar],
    spans: Sequence[CoveredSpan],
    *,
    as_of: datetime,
    zone: tzinfo = UTC,
    origin: CandleOrigin = CandleOrigin.TRADES,
    simulated: bool = False,
) -> Iterator[Candle]:
    """Yield the candles of every span that has a part in `window`, without a hole between two.

    `parts`: in the order of their times, of an interval that divides this one. `spans`: disjoint, and none touches another.
    """
    waiting = iter(parts)
    part = next(waiting, None)
    for span in spans_between(interval, window.start, window.end, zone):
        while part is not None and part.open_time < span.start:
            part = next(waiting, None)
        inside: list[KnownBar] = []
        while part is not None and part.open_time < span.end:
            inside.append(part)
            part = next(waiting, None)
        revision = _count_corrections(span, inside)
        is_forming = as_of < span.end + CLOSE_AFTER
        yield Candle(
            interval=interval,
            open_time=span.start,
            close_time=span.end,
            bar=fold(one.bar for one in inside),
            state=CandleState.FORMING if is_forming else closed_state(revision),
            coverage=judge_coverage(span, spans, has_trades=bool(inside)),
            revision=0 if is_forming else revision,
            known_at=max((one.known_at for one in inside), default=min(span.end, as_of)),
            origin=origin,
            simulated=simulated,
        )


def _count_corrections(span: TimeSpan, parts: Iterable[KnownBar]) -> int:
    """Count the corrections of parts that came after the candle had closed."""
    closed_at = span.end + CLOSE_AFTER
    return sum(part.revision for part in parts if part.known_at > closed_at)
