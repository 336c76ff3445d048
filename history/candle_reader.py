"""Reads the stored parts of candles, as they are known now or were known at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar
from history.bar_rows import BAR_COLUMNS, BarTable
from history.candle import Candle, closed_state
from history.candle_fold import KnownBar
from history.candle_parts import Portion, fold_portions
from history.coverage import CandleCoverage, CoveredSpan
from history.interval import Interval, TimeSpan
from history.minute_fold import fold_stored
from history.models import MinuteRow, RecordingRow, SecondRow, SeriesRow, SpanRow
from history.span_rows import to_span
from history.store import Transactions
from instruments.store import aware
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Rows of one statement. Decoding them takes some 10 ms, in which nothing else runs.
ROWS_AT_ONCE = 1_000
_MINUTE, _MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)

_COLUMNS = ("open_time", "revision", "known_at", *BAR_COLUMNS)
_COVERAGES = {coverage.value: coverage for coverage in CandleCoverage}


class CandleReader:
    """Stored minutes, seconds and spans, real or simulated. All raise `DatabaseUnavailable`.

    `known_at`: the revisions that were known then; `None` for the newest ones.
    """

    def __init__(self, database: Transactions, *, simulated: bool) -> None:
        self._database, self._simulated = database, simulated

    async def read_series(self) -> dict[TickerKey, int]:
        """Return the number of each instrument with a history."""
        query = select(SeriesRow.__table__).where(SeriesRow.simulated == self._simulated)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
        known = {source.value for source in Source}
        return {
            TickerKey(Source(row.source), Symbol(row.base, row.quote)): row.id
            for row in rows
            if row.source in known
        }

    async def read_earliest(self, series: int) -> datetime | None:
        """Return the time of the first stored minute, or of the first second if there is none."""
        async with self._database.transaction() as connection:
            for table in (MinuteRow, SecondRow):
                query = select(func.min(table.open_time)).where(table.series_id == series)
                found = (await connection.execute(query)).scalar_one_or_none()
                if found is not None:
                    return aware(found)
        return None

    async def read_minutes(
        self, series: int, window: TimeSpan, known_at: datetime | None = None
    ) -> list[Candle]:
        """Return the minutes of which something is known, in the order of time."""
        return [self._to_minute(row) for row in await self._read(MinuteRow, series, window, known_at)]

    async def read_folded(
        self, series: int, portions: Sequence[Portion], known_at: datetime | None = None
    ) -> list[Candle]:
        """Return one part for each portion of which something is known, in order.

        The portions are whole minutes in order, and each begins where the one before ends.
        """
        if not portions:
            return []
        async with self._database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                return await fold_stored(connection, series, portions, known_at, simulated=self._simulated)
        whole = TimeSpan(portions[0].span.start, portions[-1].span.end)
        return fold_portions(
            portions, await self.read_minutes(series, whole, known_at), simulated=self._simulated
        )

    async def read_seconds(
        self, series: int, window: TimeSpan, known_at: datetime | None = None
    ) -> list[KnownBar]:
        """Return the seconds with trades, in the order of time."""
        return [_to_second(row) for row in await self._read(SecondRow, series, window, known_at)]

    async def read_spans(
        self, series: int, source: Source, window: TimeSpan, limit: int
    ) -> tuple[list[CoveredSpan], datetime | None]:
        """Return the newest covered spans of a time, and the last one before it, in order.

        Those that go on end `OPEN`; the second value is until when they are proved.
        """
        own = (SpanRow.series_id == series, SpanRow.started_at < window.end)
        inside = or_(SpanRow.ended_at.is_(None), SpanRow.ended_at > window.start)
        table = SpanRow.__table__
        order = SpanRow.started_at.desc()
        place = select(RecordingRow.through).where(
            RecordingRow.source == source, RecordingRow.simulated == self._simulated
        )
        async with self._database.transaction() as connection:
            through = (await connection.execute(place)).scalar_one_or_none()
            rows = list(
                (
                    await connection.execute(select(table).where(*own, inside).order_by(order).limit(limit))
                ).all()
            )
            before = select(table).where(*own, SpanRow.ended_at <= window.start).order_by(order).limit(1)
            rows += (await connection.execute(before)).all()
        return [to_span(row) for row in reversed(rows)], None if through is None else aware(through)

    async def _read(
        self, table: BarTable, series: int, window: TimeSpan, known_at: datetime | None
    ) -> list[Sequence[Any]]:
        found: dict[datetime, Sequence[Any]] = {}
        start = window.start
        async with self._database.transaction() as connection:
            while True:
                rows = await _read_rows(connection, table, series, TimeSpan(start, window.end), known_at)
                # Ordered by revision: the newest one stays.
                found |= {row[0]: row for row in rows}
                if len(rows) < ROWS_AT_ONCE:
                    return list(found.values())
                # The revisions of the last bar may go on in the next statement.
                start = max(rows[-1][0], start + _MICROSECOND)

    def _to_minute(self, row: Sequence[Any]) -> Candle:
        open_time, revision, known_at, coverage = row[0], row[1], row[2], row[-1]
        return Candle(
            interval=Interval.M1,
            open_time=open_time,
            close_time=open_time + _MINUTE,
            bar=_to_bar(row),
            state=closed_state(revision),
            coverage=_COVERAGES[coverage],
            revision=revision,
            known_at=known_at,
            simulated=self._simulated,
        )


def _to_second(row: Sequence[Any]) -> KnownBar:
    bar = _to_bar(row)
    assert bar is not None, "seconds without trades are not stored"
    return KnownBar(row[0], bar, row[2], row[1])


def _to_bar(row: Sequence[Any]) -> Bar | None:
    """Return the bar of a row. Ids that are no numbers were not stored, and are empty."""
    trades = row[3]
    if trades is None:
        return None
    open_time, first_id, last_id = row[0], row[6], row[7]
    opening, high, low, close, volume, quote_volume = row[8:14]
    return Bar(
        opening,
        high,
        low,
        close,
        volume,
        quote_volume,
        trades,
        "" if first_id is None else first_id,
        "" if last_id is None else last_id,
        open_time + timedelta(0, 0, row[4]),
        open_time + timedelta(0, 0, row[5]),
    )


async def _read_rows(
    connection: AsyncConnection, table: BarTable, series: int, window: TimeSpan, known_at: datetime | None
) -> list[Sequence[Any]]:
    """Return the first revisions by time and number: their columns by position."""
    columns = table.__table__.columns
    names = (*_COLUMNS, "coverage") if table is MinuteRow else _COLUMNS
    query = (
        select(*(columns[name] for name in names))
        .where(table.series_id == series, table.open_time >= window.start, table.open_time < window.end)
        .order_by(table.open_time, table.revision)
        .limit(ROWS_AT_ONCE)
    )
    if known_at is not None:
        query = query.where(table.known_at <= known_at)
    rows = (await connection.execute(query)).all()
    if connection.dialect.name == "postgresql":
        return list(rows)
    return [(aware(row[0]), row[1], aware(row[2]), *row[3:]) for row in rows]
