"""Closes of stored bars with their coverage, of many instruments in one statement."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar_rows import BarTable
from history.coverage import CandleCoverage
from history.interval import TimeSpan
from history.span_close import SpanClose

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
    query = select(
        ranked.c.series_id,
        func.max(case((ranked.c.place == 1, ranked.c.close))).label("close"),
        func.count(case((ranked.c.coverage.in_(_WHOLE), 1))).label("whole"),
        func.count(case((ranked.c.coverage != CandleCoverage.UNKNOWN.value, 1))).label("known"),
    ).group_by(ranked.c.series_id)
    rows = (await connection.execute(query)).all()
    return {row.series_id: SpanClose(row.close, row.whole, row.known) for row in rows}
