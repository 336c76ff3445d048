"""The last bar with a trade before a time, of many instruments at once."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from sqlalchemy.types import Integer

from history.bar_rows import BarTable, to_bar
from history.candle_fold import KnownBar
from history.interval import TimeSpan
from instruments.store import aware


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
        given = func.unnest(cast(list(series), ARRAY(Integer))).table_valued(column("id", Integer))
        wanted = given.render_derived(name="wanted")
        last = _select_last(table, window, known_at).where(table.series_id == wanted.c.id).lateral("last")
        rows = (await connection.execute(select(last).select_from(wanted.join(last, true())))).all()
    else:
        # SQLite has no LATERAL; a statement takes it some tens of microseconds.
        rows = []
        for one in series:
            rows += (
                await connection.execute(_select_last(table, window, known_at).where(table.series_id == one))
            ).all()
    return {row.series_id: _to_known(row) for row in rows}


def _select_last(table: BarTable, window: TimeSpan, known_at: datetime | None) -> Select[Any]:
    newer = aliased(table)
    later = select(newer.revision).where(
        newer.series_id == table.series_id,
        newer.open_time == table.open_time,
        newer.revision > table.revision,
    )
    query = (
        select(table.__table__)
        .where(table.open_time >= window.start, table.open_time < window.end, table.trades.is_not(None))
        .order_by(table.open_time.desc(), table.revision.desc())
        .limit(1)
    )
    if known_at is not None:
        query = query.where(table.known_at <= known_at)
        later = later.where(newer.known_at <= known_at)
    return query.where(~later.correlate(table).exists())


def _to_known(row: Any) -> KnownBar:
    bar = to_bar(row)
    assert bar is not None, "rows without trades are left out"
    return KnownBar(aware(row.open_time), bar, aware(row.known_at), row.revision)
