"""Stores a page of klines: compares minutes with them, and fills those not known.

Repeating it changes nothing, so that it may be interrupted at any time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar_rows import CandleKnowledge, insert_rows, read_newest, to_bar, to_candle_row
from history.candle import Candle, CandleOrigin, closed_state
from history.check_plan import CheckState, SeriesChecks
from history.check_rows import read_runs, read_touching, store_runs
from history.check_runs import to_runs
from history.coverage import CandleCoverage, clip_open
from history.interval import Interval, TimeSpan
from history.kline import MINUTE, KlinePage, KlineTraits
from history.kline_check import Answer, KlineVerdict, MinuteCheck, check_minutes, find_answered
from history.models import MinuteRow, SeriesRow
from history.place import read_place, to_rolled_up
from history.rollup import Rollup
from history.span_rows import read_spans
from instruments.store import aware
from rates.source import Source
from rates.symbol import Symbol


async def read_check_state(
    connection: AsyncConnection, source: Source, since: datetime, *, simulated: bool
) -> CheckState | None:
    """Return the verdicts and spans of the time after `since`.

    `None` before the recorder has stored anything.
    """
    place = await read_place(connection, source, simulated=simulated, locked=False)
    if place is None:
        return None
    query = select(SeriesRow.__table__).where(SeriesRow.source == source, SeriesRow.simulated == simulated)
    series = {Symbol(row.base, row.quote): row.id for row in (await connection.execute(query)).all()}
    runs = await read_runs(connection, series.values(), since)
    spans = await read_spans(connection, series.values(), since)
    through = None if place.through is None else aware(place.through)
    instruments = {
        symbol: SeriesChecks(number, runs.get(number, []), clip_open(spans.get(number, []), through))
        for symbol, number in series.items()
    }
    return CheckState(aware(place.minutes_until), instruments)


class ReconciliationTransaction:
    """The transaction of one page of klines of an instrument."""

    def __init__(
        self, connection: AsyncConnection, source: Source, series: int, *, simulated: bool, kept: datetime
    ) -> None:
        self._connection, self._source, self._series = connection, source, series
        self._simulated, self._kept = simulated, kept

    async def store(self, page: KlinePage, traits: KlineTraits, now: datetime) -> list[MinuteCheck]:
        """Store the verdicts on a page, and the klines of minutes that are not whole.

        Returns the verdicts on all minutes about which the klines say something.
        """
        # The lock of the recorder: both store minutes.
        place = await read_place(self._connection, self._source, simulated=self._simulated)
        answer = find_answered(Answer(*page, await self._is_continued(page.window)), traits, now)
        if place is None or answer is None:
            return []
        rows = await read_newest(self._connection, MinuteRow, [self._series], *answer.window)
        minutes = {at: _to_minute(at, row) for (_, at), row in rows.items()}
        checks = check_minutes(answer, minutes, traits)
        await self._fill([one for one in checks if one.fills], rows, now, place)
        await store_runs(self._connection, self._series, answer.window, to_runs(checks))
        return checks

    async def _is_continued(self, window: TimeSpan) -> bool:
        """Return whether the source told something of the minute before `window`."""
        before = TimeSpan(window.start - MINUTE, window.start)
        runs = (await read_touching(self._connection, self._series, before))[self._series]
        return any(
            run.start < window.start <= run.end and run.verdict is not KlineVerdict.NOT_CHECKED
            for run in runs
        )

    async def _fill(
        self,
        checks: Sequence[MinuteCheck],
        rows: Mapping[tuple[int, datetime], Row[Any]],
        now: datetime,
        place: Row[Any],
    ) -> None:
        if not checks:
            return
        filled = []
        for check in checks:
            bar, at = check.bar, check.open_time
            coverage = CandleCoverage.NO_TRADES if bar is None else CandleCoverage.COMPLETE
            knowledge = CandleKnowledge(coverage, CandleOrigin.EXCHANGE, now)
            filled.append(to_candle_row(self._series, at, rows.get((self._series, at)), bar, knowledge))
        await insert_rows(self._connection, MinuteRow, filled)
        changed = TimeSpan(checks[0].open_time, checks[-1].open_time + MINUTE)
        rollup = Rollup(self._connection, [self._series], kept=self._kept)
        await rollup.refold(self._series, changed, to_rolled_up(place))


def _to_minute(at: datetime, row: Row[Any]) -> Candle:
    return Candle(
        interval=Interval.M1,
        open_time=at,
        close_time=at + MINUTE,
        bar=to_bar(row),
        state=closed_state(row.revision),
        coverage=CandleCoverage(row.coverage),
        revision=row.revision,
        known_at=aware(row.known_at),
        origin=CandleOrigin(row.origin),
    )
