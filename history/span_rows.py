"""Rows of covered spans, by series."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.coverage import OPEN, CoveredSpan, GapReason
from history.models import SpanRow
from instruments.store import aware

Spans = dict[int, list[CoveredSpan]]


async def read_spans(
    connection: AsyncConnection, series: Collection[int], since: datetime | None = None
) -> Spans:
    """Return the spans that did not end before `since`, in order. Those that go on end `OPEN`."""
    query = (
        select(SpanRow.__table__)
        .where(SpanRow.series_id.in_(series))
        .order_by(SpanRow.series_id, SpanRow.started_at)
    )
    if since is not None:
        query = query.where(or_(SpanRow.ended_at.is_(None), SpanRow.ended_at >= since))
    spans: Spans = {}
    for row in (await connection.execute(query)).all():
        spans.setdefault(row.series_id, []).append(to_span(row))
    return spans


async def store_spans(
    connection: AsyncConnection,
    known: Mapping[int, list[CoveredSpan]],
    spans: Mapping[int, list[CoveredSpan]],
) -> None:
    """Replace the `known` spans of each series by these."""
    for series, now in spans.items():
        before = known.get(series, [])
        if gone := [span.start for span in before if span not in now]:
            await connection.execute(
                delete(SpanRow).where(SpanRow.series_id == series, SpanRow.started_at.in_(gone))
            )
        if new := [_to_row(series, span) for span in now if span not in before]:
            await connection.execute(insert(SpanRow), new)


def to_span(row: Row[Any]) -> CoveredSpan:
    """Return the span of a row. One that goes on ends `OPEN`."""
    return CoveredSpan(
        aware(row.started_at),
        OPEN if row.ended_at is None else aware(row.ended_at),
        None if row.reason is None else GapReason(row.reason),
    )


def _to_row(series: int, span: CoveredSpan) -> dict[str, Any]:
    return {
        "series_id": series,
        "started_at": span.start,
        "ended_at": None if span.end == OPEN else span.end,
        "reason": span.reason,
    }
