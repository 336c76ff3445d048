"""Rows of the record of a source: periods of its states, and figures."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from history.interval import Interval, TimeSpan, span_at
from history.lag_counts import LagCounts
from history.models import SourceFigureRow, SourcePeriodRow
from history.source_record import (
    FIGURE_INTERVALS,
    RecordedPiece,
    RecordedSpan,
    RecordedState,
    SourceFigures,
    SourcePeriod,
    SourceRecord,
)
from instruments.store import aware

_MILLISECOND = timedelta(milliseconds=1)


class SourceKey(NamedTuple):
    """The source of a record, real or simulated."""

    source: str
    simulated: bool


async def store_piece(connection: AsyncConnection, key: SourceKey, piece: RecordedPiece) -> bool:
    """Store a piece.

    `False` if a part of its time is stored already, by another recorder or by an earlier attempt; then nothing is stored.
    """
    last = await _read_last(connection, key)
    if last is not None and aware(last.ended_at) > piece.start:
        return False
    periods = list(piece.periods)
    if last is not None and aware(last.ended_at) == piece.start and last.state == periods[0].state:
        own = (SourcePeriodRow.source == key.source, SourcePeriodRow.simulated == key.simulated)
        begun = SourcePeriodRow.started_at == aware(last.started_at)
        await connection.execute(update(SourcePeriodRow).where(*own, begun).values(ended_at=periods[0].end))
        periods = periods[1:]
    if periods:
        await connection.execute(insert(SourcePeriodRow), [_to_row(key, one) for one in periods])
    await _add_figures(connection, key, piece)
    return True


async def read_periods(
    connection: AsyncConnection, key: SourceKey, window: TimeSpan, limit: int
) -> list[SourcePeriod]:
    """Return the newest periods that have a part in a window, in order."""
    table = SourcePeriodRow
    query = (
        select(table.__table__)
        .where(
            table.source == key.source,
            table.simulated == key.simulated,
            table.started_at < window.end,
            table.ended_at > window.start,
        )
        .order_by(table.started_at.desc())
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    return [
        SourcePeriod(aware(row.started_at), aware(row.ended_at), RecordedState(row.state), row.reason)
        for row in reversed(rows)
    ]


async def read_figures(
    connection: AsyncConnection, key: SourceKey, window: TimeSpan, interval: Interval
) -> list[RecordedSpan]:
    """Return the figures of the spans of an interval that begin in a window, in order."""
    table = SourceFigureRow
    query = (
        select(table.open_time, table.recorded_ms, table.received, table.refused, table.lags)
        .where(*_own(key, interval), table.open_time >= window.start, table.open_time < window.end)
        .order_by(table.open_time)
    )
    return [_to_span(row) for row in (await connection.execute(query)).all()]


async def read_first(connection: AsyncConnection, key: SourceKey) -> datetime | None:
    """Return the first day of the record."""
    time = SourceFigureRow.open_time
    query = select(time).where(*_own(key, Interval.D1)).order_by(time).limit(1)
    first = (await connection.execute(query)).scalar_one_or_none()
    return None if first is None else aware(first)


async def _read_last(connection: AsyncConnection, key: SourceKey) -> Row[Any] | None:
    """Return the last period, locked for others that store."""
    table = SourcePeriodRow
    query = (
        select(table.__table__)
        .where(table.source == key.source, table.simulated == key.simulated)
        .order_by(table.started_at.desc())
        .limit(1)
        .with_for_update()
    )
    return (await connection.execute(query)).one_or_none()


async def _add_figures(connection: AsyncConnection, key: SourceKey, piece: RecordedPiece) -> None:
    """Add the figures of a piece to those of each span that it is in."""
    table = SourceFigureRow
    spans = {each.value: span_at(each, piece.start).start for each in FIGURE_INTERVALS}
    places = or_(*(and_(table.interval == name, table.open_time == at) for name, at in spans.items()))
    query = select(table.__table__).where(
        table.source == key.source, table.simulated == key.simulated, places
    )
    known = {row.interval: row for row in (await connection.execute(query)).all()}
    recorded_ms = (piece.end - piece.start) // _MILLISECOND
    added = []
    for name, open_time in spans.items():
        row = known.get(name)
        if row is None:
            values = _figure_columns(recorded_ms, *piece.figures)
            added.append({**key._asdict(), "interval": name, "open_time": open_time, **values})
            continue
        received, refused, lags = piece.figures
        merged = LagCounts.decode(row.lags)
        merged.merge(lags)
        values = _figure_columns(
            row.recorded_ms + recorded_ms, row.received + received, row.refused + refused, merged
        )
        place = (*_own(key, Interval(name)), table.open_time == open_time)
        await connection.execute(update(table).where(*place).values(**values))
    if added:
        await connection.execute(insert(table), added)


def _own(key: SourceKey, interval: Interval) -> tuple[ColumnElement[bool], ...]:
    table = SourceFigureRow
    return table.source == key.source, table.simulated == key.simulated, table.interval == interval.value


def _figure_columns(recorded_ms: int, received: int, refused: int, lags: LagCounts) -> dict[str, Any]:
    return {"recorded_ms": recorded_ms, "received": received, "refused": refused, "lags": lags.encode()}


def _to_row(key: SourceKey, period: SourcePeriod) -> dict[str, Any]:
    return {
        **key._asdict(),
        "started_at": period.start,
        "ended_at": period.end,
        "state": period.state.value,
        "reason": period.reason,
    }


def _to_span(row: Any) -> RecordedSpan:
    figures = SourceFigures(row.received, row.refused, LagCounts.decode(row.lags))
    return RecordedSpan(aware(row.open_time), timedelta(milliseconds=row.recorded_ms), figures)


async def read_record(
    connection: AsyncConnection, key: SourceKey, window: TimeSpan, interval: Interval, limit: int
) -> SourceRecord:
    """Return the record of a window.

    It has the figures of each span of an interval, and the newest `limit` periods.
    """
    return SourceRecord(
        await read_periods(connection, key, window, limit),
        await read_figures(connection, key, window, interval),
        await read_first(connection, key),
    )
