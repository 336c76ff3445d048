"""Reads the stored parts of candles, as they are known now or were known at a time."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar
from history.bar_rows import BAR_COLUMNS, BarTable
from history.candle import Candle, CandleOrigin, closed_state
from history.candle_fold import KnownBar
from history.candle_parts import Portion, fold_portions
from history.check_rows import count_verdicts
from history.close_rows import read_quarter_closes, read_span_closes
from history.coverage import CandleCoverage, CoveredSpan
from history.interval import Interval, TimeSpan
from history.kline_check import KlineVerdict
from history.last_bars import read_last_bars
from history.minute_fold import fold_stored
from history.models import DayRow, HourRow, MinuteRow, QuarterRow, RecordingRow, SecondRow, SeriesRow, SpanRow
from history.place import NOTHING_ROLLED_UP, RolledUp, to_rolled_up
from history.source_record import SourceRecord
from history.source_rows import SourceKey, read_record
from history.span_close import SpanClose
from history.span_rows import to_span
from history.store import Transactions
from instruments.store import aware
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Rows of one statement. Decoding them takes some 10 ms, in which nothing else runs.
ROWS_AT_ONCE = 1_000
_MICROSECOND = timedelta(microseconds=1)

_COLUMNS = ("open_time", "revision", "known_at", *BAR_COLUMNS)
_TABLES: Mapping[Interval, BarTable] = {
    Interval.S1: SecondRow,
    Interval.M1: MinuteRow,
    Interval.M15: QuarterRow,
    Interval.H1: HourRow,
    Interval.D1: DayRow,
}
_COVERAGES = {coverage.value: coverage for coverage in CandleCoverage}
_ORIGINS = {origin.value: origin for origin in CandleOrigin}


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
        """Return the time of the first stored hour or minute, without one of the first second."""
        async with self._database.transaction() as connection:
            for tables in ((HourRow, MinuteRow), (SecondRow,)):
                times = []
                for table in tables:
                    query = select(func.min(table.open_time)).where(table.series_id == series)
                    times.append((await connection.execute(query)).scalar_one_or_none())
                if known := [aware(time) for time in times if time is not None]:
                    return min(known)
        return None

    async def read_rolled_up(self, source: Source) -> RolledUp:
        """Return the time of which bars longer than a minute are stored."""
        query = select(RecordingRow.__table__).where(
            RecordingRow.source == source, RecordingRow.simulated == self._simulated
        )
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).one_or_none()
        return NOTHING_ROLLED_UP if row is None else to_rolled_up(row)

    async def read_minutes(
        self, series: int, window: TimeSpan, known_at: datetime | None = None
    ) -> list[Candle]:
        """Return the minutes of which something is known, in the order of time."""
        return await self._read_candles(Interval.M1, series, window, known_at)

    async def read_folded(
        self,
        series: int,
        portions: Sequence[Portion],
        known_at: datetime | None = None,
        interval: Interval = Interval.M1,
    ) -> list[Candle]:
        """Return one part for each portion of which something is known, in order.

        They are made of stored minutes, quarters, hours or days (`interval`), are whole ones in order, and each begins where the one before ends.
        """
        if not portions:
            return []
        async with self._database.transaction() as connection:
            if connection.dialect.name == "postgresql":
                return await fold_stored(
                    connection, series, portions, known_at, interval, simulated=self._simulated
                )
        whole = TimeSpan(portions[0].span.start, portions[-1].span.end)
        parts = await self._read_candles(interval, series, whole, known_at)
        return fold_portions(portions, parts, simulated=self._simulated)

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

    async def read_closes(
        self,
        series: Collection[int],
        window: TimeSpan,
        interval: Interval = Interval.M1,
        known_at: datetime | None = None,
    ) -> dict[int, SpanClose]:
        """Return the close of each instrument in a span of whole minutes or hours.

        Instruments without a stored one in it are left out.
        """
        async with self._database.transaction() as connection:
            return await read_span_closes(connection, _TABLES[interval], series, window, known_at)

    async def read_quarter_closes(
        self, series: Collection[int], window: TimeSpan
    ) -> dict[datetime, dict[int, SpanClose]]:
        """Return the close of each instrument in each quarter hour of a span."""
        async with self._database.transaction() as connection:
            return await read_quarter_closes(connection, series, window)

    async def read_last_bars(
        self,
        interval: Interval,
        series: Collection[int],
        window: TimeSpan,
        known_at: datetime | None = None,
    ) -> dict[int, KnownBar]:
        """Return each instrument's last bar with a trade that begins in the window, if any."""
        async with self._database.transaction() as connection:
            return await read_last_bars(connection, _TABLES[interval], series, window, known_at)

    async def read_source_record(
        self, source: Source, window: TimeSpan, interval: Interval, limit: int
    ) -> SourceRecord:
        """Return the record of a source in a window.

        It has the figures of each span of an interval, and the newest `limit` periods.
        """
        key = SourceKey(source.value, self._simulated)
        async with self._database.transaction() as connection:
            return await read_record(connection, key, window, interval, limit)

    async def count_verdicts(self, source: Source, window: TimeSpan) -> Counter[KlineVerdict]:
        """Return for how many minutes of all instruments each verdict was given."""
        async with self._database.transaction() as connection:
            return await count_verdicts(connection, source.value, window, simulated=self._simulated)

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

    async def _read_candles(
        self, interval: Interval, series: int, window: TimeSpan, known_at: datetime | None
    ) -> list[Candle]:
        length = interval.length
        assert length is not None
        return [
            Candle(
                interval=interval,
                open_time=row[0],
                close_time=row[0] + length,
                bar=_to_bar(row),
                state=closed_state(row[1]),
                coverage=_COVERAGES[row[-2]],
                origin=_ORIGINS[row[-1]],
                revision=row[1],
                known_at=row[2],
                simulated=self._simulated,
            )
            for row in await self._read(_TABLES[interval], series, window, known_at)
        ]


def _to_second(row: Sequence[Any]) -> KnownBar:
    bar = _to_bar(row)
    assert bar is not None, "seconds without trades are not stored"
    return KnownBar(row[0], bar, row[2], row[1])


def _to_bar(row: Sequence[Any]) -> Bar | None:
    """Return the bar of a row. Ids that are no numbers were not stored, and are empty."""
    if row[8] is None:
        return None
    trades, open_time, first_id, last_id = row[3], row[0], row[6], row[7]
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
    names = _COLUMNS if table is SecondRow else (*_COLUMNS, "coverage", "origin")
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
