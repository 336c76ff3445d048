"""Closes of stored bars with their coverage, of many instruments in one statement."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar_rows import BarTable
from history.coverage import CandleCoverage
from history.interval import TimeSpan
from history.models import DayRow, HourRow, MinuteRow
from history.span_close import SpanClose

_CLOSES = """
SELECT series_id,
    (array_agg(close ORDER BY open_time DESC) FILTER (WHERE close IS NOT NULL))[1] AS close,
    count(*) FILTER (WHERE coverage IN ('COMPLETE', 'NO_TRADES')) AS whole,
    count(*) FILTER (WHERE coverage <> 'UNKNOWN') AS known
FROM (
    SELECT DISTINCT ON (series_id, open_time) series_id, open_time, close, coverage
    FROM bar_minutes
    WHERE series_id = ANY(CAST(:series AS integer[])) AND open_time >= :start AND open_time < :end
        AND (CAST(:known_at AS timestamptz) IS NULL OR known_at <= :known_at)
    ORDER BY series_id, open_time, revision DESC
) AS newest
GROUP BY series_id
"""
_STATEMENTS = {
    table.__tablename__: text(_CLOSES.replace("bar_minutes", table.__tablename__))
    for table in (MinuteRow, HourRow, DayRow)
}
_WHOLE = (CandleCoverage.COMPLETE.value, CandleCoverage.NO_TRADES.value)


async def read_span_closes(
    connection: AsyncConnection,
    table: BarTable,
    series: Collection[int],
    window: TimeSpan,
    known_at: datetime | None = None,
) -> dict[int, SpanClose]:
    """Return the close of each instrument in a span of whole bars.

    Instruments without a stored bar are left out.
    """
    if connection.dialect.name == "postgresql":
        arguments = {"series": list(series), "start": window.start, "end": window.end, "known_at": known_at}
        rows = (await connection.execute(_STATEMENTS[table.__tablename__], arguments)).all()
    else:
        rows = (await connection.execute(_select_closes(table, series, window, known_at))).all()
    return {row.series_id: SpanClose(row.close, row.whole, row.known) for row in rows}


def _select_closes(
    table: BarTable, series: Collection[int], window: TimeSpan, known_at: datetime | None
) -> Select[Any]:
    """Select the same for SQLite."""
    coverage = table.__table__.columns["coverage"]
    bars = select(
        table.series_id,
        table.open_time,
        table.close,
        coverage,
        func.row_number()
        .over(partition_by=(table.series_id, table.open_time), order_by=table.revision.desc())
        .label("age"),
    ).where(table.series_id.in_(series), table.open_time >= window.start, table.open_time < window.end)
    if known_at is not None:
        bars = bars.where(table.known_at <= known_at)
    newest = bars.subquery()
    has_trades = newest.c.close.is_not(None)
    ranked = (
        select(
            newest.c.series_id,
            newest.c.close,
            newest.c.coverage,
            func.row_number()
            .over(
                partition_by=newest.c.series_id,
                order_by=(case((has_trades, 0), else_=1), newest.c.open_time.desc()),
            )
            .label("place"),
        )
        .where(newest.c.age == 1)
        .subquery()
    )
    return select(
        ranked.c.series_id,
        func.max(case((ranked.c.place == 1, ranked.c.close))).label("close"),
        func.count(case((ranked.c.coverage.in_(_WHOLE), 1))).label("whole"),
        func.count(case((ranked.c.coverage != CandleCoverage.UNKNOWN.value, 1))).label("known"),
    ).group_by(ranked.c.series_id)
