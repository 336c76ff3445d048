"""Closes of stored bars with their coverage, of many instruments in one statement."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, case, cast, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar_rows import BarTable
from history.coverage import CandleCoverage
from history.interval import TimeSpan
from history.models import DayRow, HourRow, MinuteRow
from history.span_close import SpanClose
from rates.clock import EPOCH

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
# The same for each quarter hour, by its number since the epoch.
_QUARTER_CLOSES = text(
    _CLOSES.replace("SELECT series_id,\n", "SELECT series_id, quarter,\n")
    .replace(
        "coverage\n    FROM",
        "coverage,\n        floor(extract(epoch FROM open_time) / 900) AS quarter\n    FROM",
    )
    .replace("GROUP BY series_id", "GROUP BY series_id, quarter")
)
_STATEMENTS = {
    table.__tablename__: text(_CLOSES.replace("bar_minutes", table.__tablename__))
    for table in (MinuteRow, HourRow, DayRow)
}
_QUARTER, _QUARTER_S = timedelta(minutes=15), 900
_ONE: ColumnElement[Any] = literal(0)
_WHOLE = (CandleCoverage.COMPLETE.value, CandleCoverage.NO_TRADES.value)


async def read_quarter_closes(
    connection: AsyncConnection, series: Collection[int], window: TimeSpan
) -> dict[datetime, dict[int, SpanClose]]:
    """Return the close of each instrument in each quarter hour of a span, from its minutes."""
    if connection.dialect.name == "postgresql":
        arguments = {"series": list(series), "start": window.start, "end": window.end, "known_at": None}
        rows = (await connection.execute(_QUARTER_CLOSES, arguments)).all()
    else:
        quarter = cast(func.strftime("%s", MinuteRow.open_time), Integer)
        query = _select_closes(MinuteRow, series, window, None, quarter.op("/")(_QUARTER_S))
        rows = (await connection.execute(query)).all()
    found: dict[datetime, dict[int, SpanClose]] = {}
    for row in rows:
        start = EPOCH + int(row.quarter) * _QUARTER
        found.setdefault(start, {})[row.series_id] = SpanClose(row.close, row.whole, row.known)
    return found


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
    table: BarTable,
    series: Collection[int],
    window: TimeSpan,
    known_at: datetime | None,
    quarter: ColumnElement[Any] = _ONE,
) -> Select[Any]:
    """Select the same for SQLite: a row for each instrument and quarter."""
    coverage = table.__table__.columns["coverage"]
    bars = select(
        table.series_id,
        table.open_time,
        table.close,
        coverage,
        quarter.label("quarter"),
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
            newest.c.quarter,
            newest.c.close,
            newest.c.coverage,
            func.row_number()
            .over(
                partition_by=(newest.c.series_id, newest.c.quarter),
                order_by=(case((has_trades, 0), else_=1), newest.c.open_time.desc()),
            )
            .label("place"),
        )
        .where(newest.c.age == 1)
        .subquery()
    )
    return select(  # pyrefly: ignore[bad-return]  # `Select` takes any number of types
        ranked.c.series_id,
        ranked.c.quarter,
        func.max(case((ranked.c.place == 1, ranked.c.close))).label("close"),
        func.count(case((ranked.c.coverage.in_(_WHOLE), 1))).label("whole"),
        func.count(case((ranked.c.coverage != CandleCoverage.UNKNOWN.value, 1))).label("known"),
    ).group_by(ranked.c.series_id, ranked.c.quarter)
