"""Rows of verdicts, by series."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, Row, cast, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar
from history.check_runs import CheckRun, cut_out, join_runs
from history.interval import TimeSpan
from history.kline import Kline
from history.kline_check import KlineVerdict
from history.models import CheckRow, SeriesRow
from instruments.store import aware


async def read_runs(
    connection: AsyncConnection, series: Iterable[int], since: datetime
) -> Mapping[int, list[CheckRun]]:
    """Return the runs that end at `since` or later, in order."""
    query = (
        select(CheckRow.__table__)
        .where(CheckRow.series_id.in_(list(series)), CheckRow.ended_at >= since)
        .order_by(CheckRow.series_id, CheckRow.started_at)
    )
    found: dict[int, list[CheckRun]] = {}
    for row in (await connection.execute(query)).all():
        found.setdefault(row.series_id, []).append(_to_run(row))
    return found


async def store_runs(
    connection: AsyncConnection, series: int, window: TimeSpan, runs: Iterable[CheckRun]
) -> None:
    """Replace all verdicts on `window`; join them with those around it."""
    known = (await read_touching(connection, series, window)).get(series, [])
    await _replace(connection, series, known, join_runs([*cut_out(known, window), *runs]))


async def forget_runs(connection: AsyncConnection, series: int, window: TimeSpan) -> None:
    """Forget the verdicts on `window`, whose minutes are others now."""
    known = (await read_touching(connection, series, window)).get(series, [])
    await _replace(connection, series, known, cut_out(known, window))


async def read_touching(
    connection: AsyncConnection, series: int, window: TimeSpan
) -> Mapping[int, list[CheckRun]]:
    """Return the runs that have a part in `window` or touch it."""
    query = (
        select(CheckRow.__table__)
        .where(
            CheckRow.series_id == series,
            CheckRow.ended_at >= window.start,
            CheckRow.started_at <= window.end,
        )
        .order_by(CheckRow.started_at)
    )
    return {series: [_to_run(row) for row in (await connection.execute(query)).all()]}


async def count_verdicts(
    connection: AsyncConnection, source: str, window: TimeSpan, *, simulated: bool
) -> Counter[KlineVerdict]:
    """Return for how many minutes of a window each verdict was given, of all instruments."""
    table = CheckRow
    if connection.dialect.name == "postgresql":
        start, end = func.greatest(table.started_at, window.start), func.least(table.ended_at, window.end)
        seconds = func.extract("epoch", end) - func.extract("epoch", start)
    else:
        start = func.strftime("%s", func.max(table.started_at, _bind(window.start)))
        end = func.strftime("%s", func.min(table.ended_at, _bind(window.end)))
        seconds = cast(end, Integer) - cast(start, Integer)
    query = (
        select(table.verdict, func.sum(seconds).label("seconds"))
        .join(SeriesRow, SeriesRow.id == table.series_id)
        .where(
            SeriesRow.source == source,
            SeriesRow.simulated == simulated,
            table.started_at < window.end,
            table.ended_at > window.start,
        )
        .group_by(table.verdict)
    )
    rows = (await connection.execute(query)).all()
    return Counter({KlineVerdict(row.verdict): int(row.seconds) // 60 for row in rows})


def _bind(time: datetime) -> ColumnElement[datetime]:
    """Return a time in the form in which the column has it."""
    return literal(time, CheckRow.__table__.c.started_at.type)


async def _replace(
    connection: AsyncConnection, series: int, known: Iterable[CheckRun], runs: Iterable[CheckRun]
) -> None:
    before, now = set(known), set(runs)
    if gone := [run.start for run in before - now]:
        await connection.execute(
            delete(CheckRow).where(CheckRow.series_id == series, CheckRow.started_at.in_(gone))
        )
    if new := [_to_row(series, run) for run in sorted(now - before)]:
        await connection.execute(insert(CheckRow), new)


def _to_run(row: Row[Any]) -> CheckRun:
    return CheckRun(
        aware(row.started_at),
        aware(row.ended_at),
        KlineVerdict(row.verdict),
        None if row.ours is None else msgspec.json.decode(row.ours, type=Bar),
        None if row.theirs is None else msgspec.json.decode(row.theirs, type=Kline),
    )


def _to_row(series: int, run: CheckRun) -> dict[str, Any]:
    return {
        "series_id": series,
        "started_at": run.start,
        "ended_at": run.end,
        "verdict": run.verdict.value,
        "ours": None if run.ours is None else msgspec.json.encode(run.ours).decode(),
        "theirs": None if run.theirs is None else msgspec.json.encode(run.theirs).decode(),
    }
