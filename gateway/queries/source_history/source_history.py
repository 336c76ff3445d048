"""The record of a source as it is answered: periods without a hole, and points. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.queries.source_history.query import PointPlan, SourceHistoryQuery
from history.kline_check import KlineVerdict
from history.source_record import RecordedSpan, SourcePeriod

_NOTHING = timedelta()


class SourcePoint(NamedTuple):
    """Figures of the time from `start` to `end`; `None` where nothing of it was recorded."""

    start: datetime
    end: datetime
    recorded: timedelta
    lag_p50_ms: int | None
    lag_p99_ms: int | None
    received: int | None
    refused: int | None


class SourceHistory(NamedTuple):
    """The answer. `has_more_periods`: earlier ones are left out.

    `verdicts`: minutes of all instruments by what their comparison with the source's own candles has shown.
    """

    query: SourceHistoryQuery
    periods: Sequence[SourcePeriod]
    has_more_periods: bool
    points: Sequence[SourcePoint]
    step: timedelta
    earliest: datetime | None
    verdicts: Mapping[KlineVerdict, int]
    simulated: bool


def list_points(plan: PointPlan, spans: Iterable[RecordedSpan]) -> list[SourcePoint]:
    """Return every point of a plan, from the spans of its interval."""
    known = {span.open_time: span for span in spans}
    return [_to_point(start, start + plan.step, known.get(start)) for start in plan.starts]


def _to_point(start: datetime, end: datetime, span: RecordedSpan | None) -> SourcePoint:
    if span is None:
        return SourcePoint(start, end, _NOTHING, None, None, None, None)
    received, refused, lags = span.figures
    return SourcePoint(
        start, end, span.recorded, lags.quantile_ms(0.5), lags.quantile_ms(0.99), received, refused
    )
