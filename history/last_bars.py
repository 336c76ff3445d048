"""The last bar with a trade before a time, of many instruments at once."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar_rows import BarTable, to_bar
from history.candle_fold import KnownBar
from history.interval import TimeSpan
from history.models import DayRow, HourRow, MinuteRow, SecondRow
from instruments.store import aware

# The last bar that has a price in its newest revision: a few rows of the primary key for each instrument.
_LAST = """
SELECT last.* FROM unnest(CAST(:series AS integer[])) AS wanted(id) CROSS JOIN LATERAL (
    SELECT * FROM bar_minutes AS bars
    WHERE series_id = wanted.id AND open_time >= :start AND open_time < :end AND close IS NOT NULL
        AND (CAST(:known_at AS timestamptz) IS NULL OR known_at <= :known_at)
        AND NOT EXISTS (
            SELECT FROM bar_minutes AS newer
            WHERE newer.series_id = bars.series_id AND newer.open_time = bars.open_time AND newer.revision > bars.revision
                AND (CAST(:known_at AS timestamptz) IS NULL OR newer.known_at <= :known_at)
        )
    ORDER BY open_time DESC, revision DESC
    LIMIT 1
) AS last
"""
_TABLES: tuple[BarTable, ...] = (SecondRow, MinuteRow, HourRow, DayRow)
_STATEMENTS = {table: text(_LAST.replace("bar_minutes", table.__tablename__)) for table in _TABLES}
# Made once: making it takes longer than the statement.
_NEWER = {table: table.__table__.alias("newer") for table in _TABLES}


async def read_last_bars(
    connection: AsyncConnection,
    table: BarTable,
    series: Collection[int],
    window: TimeSpan,
    known_at: datetime | None = None,
) -> dict[int, KnownBar]:
    """Return each instrument's last bar with a trade that begins in the window, if any.

    `known_at`: in the revision that was known then; `None` for the newest one.
    """
    if not series:
        return {}
    if connection.dialect.name == "postgresql":
        arguments = {"series": list(series), "start": window.start, "end": window.end, "known_at": known_at}
        rows = list((await connection.execute(_STATEMENTS[table], arguments)).all())
    else:
        rows = []
        query = _select_last(table, window, known_at)
        for one in series:
            of_one = query.where(table.__table__.columns.series_id == one)
            rows += (await connection.execute(of_one)).all()
    return {row.series_id: _to_known(row) for row in rows}


def _select_last(table: BarTable, window: TimeSpan, known_at: datetime | None) -> Select[Any]:
    """Select the same for SQLite, which has no LATERAL."""
    bars, newer = table.__table__.columns, _NEWER[table].columns
    later = select(newer.revision).where(
        newer.series_id == bars.series_id,
        newer.open_time == bars.open_time,
        newer.revision > bars.revision,
    )
    query = (
        select(table.__table__)
        .where(bars.open_time >= window.start, bars.open_time < window.end, bars.close.is_not(None))
        .order_by(bars.open_time.desc(), bars.revision.desc())
        .limit(1)
    )
    if known_at is not None:
        query = query.where(bars.known_at <= known_at)
        later = later.where(newer.known_at <= known_at)
    return query.where(~later.correlate(table.__table__).exists())


def _to_known(row: Any) -> KnownBar:
    bar = to_bar(row)
    assert bar is not None, "rows without a price are left out"
    return KnownBar(aware(row.open_time), bar, aware(row.known_at), row.revision)
