"""Storage of the history in Postgres or SQLite."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import chain
from typing import Protocol

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar_rows import BarTable, read_newest, to_bar
from history.candle import Candle, CandleOrigin, closed_state
from history.candle_fold import KnownBar
from history.check_plan import CheckState
from history.check_rows import read_runs
from history.check_runs import CheckRun
from history.coverage import CandleCoverage, CoveredSpan, clip_open
from history.interval import Interval, TimeSpan, span_at
from history.kline import KlinePage, KlineTraits
from history.kline_check import MinuteCheck
from history.models import (
    CheckRow,
    DayRow,
    HourRow,
    MinuteRow,
    QuarterRow,
    RecordingRow,
    SecondRow,
    SeriesRow,
    SourceFigureRow,
    SourcePeriodRow,
)
from history.partitions import AHEAD, MINUTES, QUARTERS, SECONDS, create_partitions, drop_partitions
from history.ports import LoggedBatch
from history.reconciliation import ReconciliationTransaction, read_check_state
from history.recording import EVERYTHING, KeptSince, RecordingTransaction
from history.source_record import DROPPED_INTERVALS, RecordedPiece
from history.source_rows import SourceKey, store_piece
from history.span_rows import read_spans
from instruments.store import aware
from rates.source import Source
from rates.symbol import Symbol


class Transactions(Protocol):
    """Access to a database."""

    def transaction(self, *, writes: bool = False) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open a transaction, committed on exit and rolled back on an exception.

        `writes`: it changes something.

        Raises:
            DatabaseUnavailable: driver or server failed; nothing was changed.
        """
        ...


class HistoryStore:
    """Bars, their revisions and their coverage. All methods raise `DatabaseUnavailable`."""

    def __init__(self, database: Transactions, *, simulated: bool) -> None:
        self._database, self._simulated = database, simulated

    async def read_entry(self, source: Source) -> str:
        """Return the last entry of the log of a source that is stored; empty before the first."""
        async with self._database.transaction() as connection:
            return await RecordingTransaction(connection, source, simulated=self._simulated).read_entry()

    async def store(
        self, source: Source, after: str, batches: Sequence[LoggedBatch], keep: KeptSince = EVERYTHING
    ) -> bool:
        """Store batches that come after an entry.

        `False` if another recorder was faster; nothing is stored then.
        """
        async with self._database.transaction(writes=True) as connection:
            recording = RecordingTransaction(connection, source, simulated=self._simulated, keep=keep)
            return await recording.store(after, batches)

    async def maintain(self, now: datetime, keep: KeptSince) -> list[str]:
        """Make room for the time to come and drop what is older. Returns the dropped partitions.

        Two recorders may do it at once.
        """
        limits = (
            (SECONDS, SecondRow, keep.seconds),
            (MINUTES, MinuteRow, keep.minutes),
            # One whose minutes are partly dropped stays.
            (QUARTERS, QuarterRow, span_at(Interval.M15, keep.minutes).start),
        )
        dropped: list[str] = []
        async with self._database.transaction(writes=True) as connection:
            for partitioning, table, before in limits:
                if connection.dialect.name == "postgresql":
                    await create_partitions(connection, partitioning, before, now + AHEAD)
                    dropped += await drop_partitions(connection, partitioning, before)
                else:
                    await connection.execute(delete(table).where(table.open_time < before))
            await connection.execute(delete(CheckRow).where(CheckRow.ended_at < keep.minutes))
            await connection.execute(delete(SourcePeriodRow).where(SourcePeriodRow.ended_at < keep.minutes))
            old = SourceFigureRow.interval.in_([each.value for each in DROPPED_INTERVALS])
            await connection.execute(
                delete(SourceFigureRow).where(old, SourceFigureRow.open_time < keep.minutes)
            )
        return dropped

    async def record_sources(self, pieces: Sequence[RecordedPiece]) -> None:
        """Store pieces of the records of sources. Times that are stored stay as they are."""
        async with self._database.transaction(writes=True) as connection:
            for piece in pieces:
                await store_piece(connection, SourceKey(piece.source, self._simulated), piece)

    async def read_check_state(self, source: Source, since: datetime) -> CheckState | None:
        """Return which minutes of a source were compared; `None` before anything is stored."""
        async with self._database.transaction() as connection:
            return await read_check_state(connection, source, since, simulated=self._simulated)

    async def reconcile(
        self,
        source: Source,
        series: int,
        page: KlinePage,
        traits: KlineTraits,
        *,
        now: datetime,
        kept: datetime,
    ) -> list[MinuteCheck]:
        """Compare minutes with klines, and fill those that are not whole. Returns the verdicts.

        `kept`: there is no room for earlier minutes.
        """
        async with self._database.transaction(writes=True) as connection:
            transaction = ReconciliationTransaction(
                connection, source, series, simulated=self._simulated, kept=kept
            )
            return await transaction.store(page, traits, now)

    async def read_checks(self, source: Source, symbol: Symbol, window: TimeSpan) -> list[CheckRun]:
        """Return the verdicts on minutes, in the order of time."""
        async with self._database.transaction() as connection:
            series = await self._series(connection, source, symbol)
            runs = await read_runs(connection, series, window.start)
        found = list(chain.from_iterable(runs.values()))
        return [run for run in found if run.end > window.start and run.start < window.end]

    async def read_symbols(self, source: Source) -> list[Symbol]:
        """Return the symbols with a history, in order."""
        query = select(SeriesRow.base, SeriesRow.quote).where(
            SeriesRow.source == source, SeriesRow.simulated == self._simulated
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
        return sorted(Symbol(row.base, row.quote) for row in rows)

    async def read_first_second(self, source: Source, symbol: Symbol) -> datetime | None:
        """Return the time of the first second that is still stored."""
        async with self._database.transaction() as connection:
            series = await self._series(connection, source, symbol)
            query = select(func.min(SecondRow.open_time)).where(SecondRow.series_id.in_(series))
            first = (await connection.execute(query)).scalar_one()
        return None if first is None else aware(first)

    async def read_seconds(self, source: Source, symbol: Symbol, window: TimeSpan) -> list[KnownBar]:
        """Return the newest revision of each second with trades."""
        async with self._database.transaction() as connection:
            series = await self._series(connection, source, symbol)
            rows = await read_newest(connection, SecondRow, series, *window)
        return [
            KnownBar(open_time, bar, aware(row.known_at), row.revision)
            for (_, open_time), row in rows.items()
            if (bar := to_bar(row)) is not None
        ]

    async def read_minutes(self, source: Source, symbol: Symbol, window: TimeSpan) -> list[Candle]:
        """Return the newest revision of each minute of which something is known."""
        return await self._read_candles(MinuteRow, Interval.M1, source, symbol, window)

    async def read_quarters(self, source: Source, symbol: Symbol, window: TimeSpan) -> list[Candle]:
        """Return the newest revision of each stored quarter hour of which something is known."""
        return await self._read_candles(QuarterRow, Interval.M15, source, symbol, window)

    async def read_hours(self, source: Source, symbol: Symbol, window: TimeSpan) -> list[Candle]:
        """Return the newest revision of each closed hour of which something is known."""
        return await self._read_candles(HourRow, Interval.H1, source, symbol, window)

    async def read_days(self, source: Source, symbol: Symbol, window: TimeSpan) -> list[Candle]:
        """Return the newest revision of each closed day in UTC of which something is known."""
        return await self._read_candles(DayRow, Interval.D1, source, symbol, window)

    async def _read_candles(
        self, table: BarTable, interval: Interval, source: Source, symbol: Symbol, window: TimeSpan
    ) -> list[Candle]:
        assert interval.length is not None
        async with self._database.transaction() as connection:
            series = await self._series(connection, source, symbol)
            rows = await read_newest(connection, table, series, *window)
        return [
            Candle(
                interval=interval,
                open_time=open_time,
                close_time=open_time + interval.length,
                bar=to_bar(row),
                state=closed_state(row.revision),
                coverage=CandleCoverage(row.coverage),
                revision=row.revision,
                known_at=aware(row.known_at),
                origin=CandleOrigin(row.origin),
                simulated=self._simulated,
            )
            for (_, open_time), row in rows.items()
        ]

    async def read_spans(self, source: Source, symbol: Symbol) -> list[CoveredSpan]:
        """Return all covered spans, in order. Those that go on end where they are proved."""
        async with self._database.transaction() as connection:
            series = await self._series(connection, source, symbol)
            place = select(RecordingRow.through).where(
                RecordingRow.source == source, RecordingRow.simulated == self._simulated
            )
            through = (await connection.execute(place)).scalar_one_or_none()
            spans = await read_spans(connection, series)
        return clip_open(chain.from_iterable(spans.values()), None if through is None else aware(through))

    async def _series(self, connection: AsyncConnection, source: Source, symbol: Symbol) -> list[int]:
        query = select(SeriesRow.id).where(
            SeriesRow.source == source,
            SeriesRow.base == symbol.base,
            SeriesRow.quote == symbol.quote,
            SeriesRow.simulated == self._simulated,
        )
        return list((await connection.execute(query)).scalars())
