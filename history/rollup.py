"""Folds stored minutes into quarters and hours, and hours into days, as they are stored.

Each is stored once its time is over, and again, as a new revision, when a part of it has changed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import fold
from history.bar_rows import (
    BarTable,
    CandleKnowledge,
    insert_rows,
    is_news,
    read_newest,
    to_bar,
    to_candle_row,
)
from history.candle import CandleOrigin
from history.coverage import CandleCoverage, fold_coverage
from history.interval import Interval, TimeSpan, span_at
from history.models import DayRow, HourRow, MinuteRow, QuarterRow
from history.place import RolledUp
from instruments.store import aware

QUARTER, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
# Hours of one transaction, after a pause or when the history of an older version is folded.
HOURS_AT_ONCE = 6


class Level(NamedTuple):
    """A table that is folded from another one, of which `parts` make one row."""

    table: BarTable
    interval: Interval
    length: timedelta
    from_table: BarTable
    parts: int


QUARTERS = Level(QuarterRow, Interval.M15, QUARTER, MinuteRow, 15)
HOURS = Level(HourRow, Interval.H1, HOUR, MinuteRow, 60)
DAYS = Level(DayRow, Interval.D1, DAY, HourRow, 24)


class Rollup:
    """Longer bars of the series of one source. `kept`: there are no minutes before it."""

    def __init__(self, connection: AsyncConnection, series: Sequence[int], *, kept: datetime) -> None:
        self._connection, self._series, self._kept = connection, series, kept

    async def store(
        self, done: RolledUp, minutes_until: datetime, changed: Mapping[int, datetime]
    ) -> RolledUp:
        """Store the quarters, hours and days that are over. Returns what is stored then.

        `changed`: the first minute that has a new revision, by series.
        """
        quarters, hours_until = done
        first = minutes_until
        if hours_until is None:
            first = await self._find_first() or minutes_until
            hours_until = span_at(Interval.H1, first).start
        if quarters is None:
            start = span_at(Interval.M15, first).start
            quarters = TimeSpan(start, start)
        for series, at in changed.items():
            if at < quarters.end:
                await self._store_between(
                    QUARTERS, [series], max(self._first_whole(QUARTERS, at), quarters.start), quarters.end
                )
            if at < hours_until:
                await self._store_between(HOURS, [series], self._first_whole(HOURS, at), hours_until)
                await self._store_between(DAYS, [series], at, span_at(Interval.D1, hours_until).start)
        until = min(span_at(Interval.M15, minutes_until).start, quarters.end + HOURS_AT_ONCE * HOUR)
        if until > quarters.end:
            await self._store_between(QUARTERS, self._series, quarters.end, until)
            quarters = TimeSpan(quarters.start, until)
        until = min(span_at(Interval.H1, minutes_until).start, hours_until + HOURS_AT_ONCE * HOUR)
        if until > hours_until:
            await self._store_between(HOURS, self._series, hours_until, until)
            days = (span_at(Interval.D1, hours_until).start, span_at(Interval.D1, until).start)
            await self._store_between(DAYS, self._series, *days)
            hours_until = until
        return RolledUp(quarters, hours_until)

    async def refold(self, series: int, window: TimeSpan, done: RolledUp) -> None:
        """Store the longer bars of some minutes again, as far as they are over and stored."""
        start, end = window
        if done.quarters is not None:
            since, until = max(start, done.quarters.start), done.quarters.end
            await self._store_between(QUARTERS, [series], since, _clip_end(QUARTERS, end, until))
        if done.hours_until is not None:
            await self._store_between(HOURS, [series], start, _clip_end(HOURS, end, done.hours_until))
            until = span_at(Interval.D1, done.hours_until).start
            await self._store_between(DAYS, [series], start, _clip_end(DAYS, end, until))

    def _first_whole(self, level: Level, at: datetime) -> datetime:
        """Return from when on to fold. A bar whose minutes are partly dropped stays as it is."""
        return at if at >= self._kept else span_at(level.interval, self._kept).end

    async def _find_first(self) -> datetime | None:
        """Return the first stored minute of any series."""
        found = select(func.min(MinuteRow.open_time)).where(MinuteRow.series_id.in_(self._series))
        first = (await self._connection.execute(found)).scalar_one()
        return None if first is None else aware(first)

    async def _store_between(
        self, level: Level, series: Sequence[int], start: datetime, end: datetime
    ) -> None:
        """Store what is new in the spans from that of `start` to `end`."""
        start = span_at(level.interval, start).start
        if start >= end:
            return
        parts = await read_newest(self._connection, level.from_table, series, start, end)
        known = await read_newest(self._connection, level.table, series, start, end)
        inside: dict[tuple[int, datetime], list[Row[Any]]] = {}
        for (one, at), row in parts.items():
            inside.setdefault((one, span_at(level.interval, at).start), []).append(row)
        rows = []
        for (one, at), found in inside.items():
            coverage = fold_coverage([CandleCoverage(row.coverage) for row in found], level.parts)
            bar, before = fold(bar for row in found if (bar := to_bar(row))), known.get((one, at))
            others = (row.origin for row in found if row.origin != CandleOrigin.TRADES)
            origin = CandleOrigin(next(others, CandleOrigin.TRADES))
            if is_news(before, bar, coverage, origin):
                # It is known since its last part is.
                known_at = max(aware(row.known_at) for row in found)
                knowledge = CandleKnowledge(coverage, origin, known_at)
                rows.append(to_candle_row(one, at, before, bar, knowledge))
        await insert_rows(self._connection, level.table, rows)


def _clip_end(level: Level, end: datetime, until: datetime) -> datetime:
    """Return the end of the last bar that has a part before `end`, at most `until`."""
    return min(span_at(level.interval, end - timedelta.resolution).end, until)
