"""Stores batches of one source in one transaction, with its place in the log.

Repeating it changes nothing, so that a recorder may be killed at any time, and several may run.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar, fold
from history.bar_rows import (
    CandleKnowledge,
    insert_rows,
    is_news,
    read_newest,
    to_bar,
    to_candle_row,
)
from history.batch import BarBatch, InstrumentStart
from history.candle import CandleOrigin
from history.check_rows import forget_runs
from history.coverage import (
    OPEN,
    WHOLE,
    CandleCoverage,
    CoveredSpan,
    GapReason,
    clip_open,
    end_spans,
    find_gaps,
    judge_coverage,
    start_span,
)
from history.interval import Interval, TimeSpan, span_at
from history.models import MinuteRow, SecondRow, SeriesRow
from history.place import Place, read_place, store_place
from history.ports import LoggedBatch
from history.rollup import Rollup
from history.sampling import own_origin, proof_wait
from history.span_rows import Spans, read_spans, store_spans
from history.told_seconds import SECOND, ToldSeconds
from rates.source import Source
from rates.symbol import Symbol

MINUTE = timedelta(minutes=1)
# Minutes that are folded at once after a pause.
MINUTES_AT_ONCE = 30
# Times at which minutes are stored within a transaction. One of 200 batches has a few minutes and corrections.
PARTS = 10


class KeptSince(NamedTuple):
    """The earliest seconds and minutes that are stored. There is no room for older ones."""

    seconds: datetime = datetime.min.replace(tzinfo=UTC)
    minutes: datetime = datetime.min.replace(tzinfo=UTC)


EVERYTHING = KeptSince()


class RecordingTransaction:
    """The transaction of some batches of one source. `keep`: earlier bars are not stored."""

    def __init__(
        self, connection: AsyncConnection, source: Source, *, simulated: bool, keep: KeptSince = EVERYTHING
    ) -> None:
        self._connection, self._source, self._simulated = connection, source, simulated
        self._keep = keep
        self._series: dict[Symbol, int] = {}
        self._spans: Spans = {}
        # The earliest time at which something changed, by series.
        self._changed_from: dict[int, datetime] = {}
        # The earliest new minute, by series.
        self._new_minutes: dict[int, datetime] = {}

    async def read_entry(self) -> str:
        """Return the last entry of the log that is stored; empty before the first."""
        row = await read_place(self._connection, self._source, simulated=self._simulated)
        return "" if row is None else str(row.entry)

    async def store(self, after: str, batches: Sequence[LoggedBatch]) -> bool:
        """Store batches that come after an entry.

        `False` if another recorder was faster; nothing is stored then.
        """
        known = await read_place(self._connection, self._source, simulated=self._simulated)
        if ("" if known is None else known.entry) != after:
            return False
        await self._read_series(batches)
        place = Place.of(known, batches[0].batch)
        stored = await read_spans(
            self._connection, self._series.values(), min(place.minutes_until, *_times(batches))
        )
        self._spans = {series: list(found) for series, found in stored.items()}
        seconds = ToldSeconds()
        left = PARTS
        for logged in batches:
            self._take(logged.batch, place, seconds)
            if logged is batches[-1] or (left and self._changes_minutes(place, logged.batch)):
                await self._store_until(logged.batch.folded_at, place, seconds)
                left -= 1
        await store_spans(self._connection, stored, self._spans)
        key = (self._source, self._simulated)
        await store_place(self._connection, known, key, batches[-1].entry, place)
        return True

    async def _store_until(self, now: datetime, place: Place, seconds: ToldSeconds) -> None:
        """Store what was told by `now`, the time of the last batch, and what follows from it."""
        changed, unclear = await seconds.store(self._connection, self._keep.seconds)
        for series, open_time in unclear:
            self._end_second(series, open_time)
        for series, open_time in changed:
            self._note(series, open_time)
        await self._store_minutes(place, now)
        rollup = Rollup(self._connection, list(self._series.values()), kept=self._keep.minutes)
        place.rolled_up = await rollup.store(place.rolled_up, place.minutes_until, self._new_minutes)
        self._changed_from.clear()
        self._new_minutes.clear()

    def _changes_minutes(self, place: Place, batch: BarBatch) -> bool:
        """Return whether a batch ends a minute or changes one, which is known since its time."""
        told = (one.second.open_time for one in batch.closed)
        first = min((*told, *self._changed_from.values()), default=place.minutes_until)
        return first < place.minutes_until or place.minutes_until < self._due(place, batch.folded_at)

    def _due(self, place: Place, now: datetime) -> datetime:
        """Return until when minutes are proved, or not waited for any longer."""
        due = span_at(Interval.M1, now - proof_wait(self._source)).start
        return due if place.through is None else max(due, span_at(Interval.M1, place.through).start)

    # --- batches

    def _take(self, batch: BarBatch, place: Place, seconds: ToldSeconds) -> None:
        if batch.session == place.session and batch.number <= place.number:
            return
        if batch.session != place.session or batch.number != place.number + 1:
            self._on_break(batch, place)
        place.session, place.number = batch.session, batch.number
        for one in batch.closed:
            seconds.add(self._series[one.symbol], one.second, batch.folded_at)
        for event in batch.spans:
            series = self._series[event.symbol]
            if isinstance(event, InstrumentStart):
                self._start(series, place.clamp(event.start.at))
            else:
                self._end(series, event.end.at, event.end.reason)
        for span in batch.open_spans or ():
            series = self._series[span.symbol]
            if not self._is_open(series):
                # Its start was in a batch that was lost.
                self._start(series, place.clamp(span.start.at))
        if batch.through is not None and (place.through is None or batch.through > place.through):
            place.through = batch.through

    def _on_break(self, batch: BarBatch, place: Place) -> None:
        """End all spans where the last batch before a missing one, or of another process, said.

        The second that was forming then is left out: its trades were in no batch yet.
        """
        for series, spans in self._spans.items():
            if self._is_open(series):
                at = spans[-1].start if place.through is None else span_at(Interval.S1, place.through).start
                self._end(series, at, GapReason.DISCONNECTED)
        if batch.session == place.session or batch.number != 1:
            # Seconds that closed before may have been in what is missing.
            place.not_before = span_at(Interval.S1, batch.folded_at).end

    def _is_open(self, series: int) -> bool:
        spans = self._spans.get(series)
        return bool(spans and spans[-1].end == OPEN)

    def _start(self, series: int, at: datetime) -> None:
        before = self._spans.get(series, [])
        first_gap = next(find_gaps(TimeSpan(at, OPEN), before), None)
        if first_gap is not None:
            self._spans[series] = start_span(before, at)
            self._note(series, first_gap.start)

    def _end(self, series: int, at: datetime, reason: GapReason) -> None:
        before = self._spans.get(series, [])
        self._spans[series] = end_spans(before, at, reason)
        if self._spans[series] != before:
            self._note(series, at)

    def _note(self, series: int, at: datetime) -> None:
        self._changed_from[series] = min(at, self._changed_from.get(series, at))

    # --- rows

    async def _read_series(self, batches: Iterable[LoggedBatch]) -> None:
        symbols: set[Symbol] = set()
        for _, batch in batches:
            symbols |= {one.symbol for one in batch.closed} | {event.symbol for event in batch.spans}
            symbols |= {span.symbol for span in batch.open_spans or ()}
        query = select(SeriesRow.__table__).where(
            SeriesRow.source == self._source, SeriesRow.simulated == self._simulated
        )
        rows = (await self._connection.execute(query)).all()
        self._series = {Symbol(row.base, row.quote): row.id for row in rows}
        missing = [
            {"source": self._source, "base": one.base, "quote": one.quote, "simulated": self._simulated}
            for one in sorted(symbols - self._series.keys())
        ]
        if missing:
            columns = SeriesRow.id, SeriesRow.base, SeriesRow.quote
            added = await self._connection.execute(insert(SeriesRow).returning(*columns), missing)
            self._series |= {Symbol(row.base, row.quote): row.id for row in added}

    def _end_second(self, series: int, open_time: datetime) -> None:
        """Leave a second out of the covered spans."""
        spans = self._spans.get(series, [])
        end = open_time + SECOND
        after = [CoveredSpan(max(span.start, end), span.end, span.reason) for span in spans if span.end > end]
        self._spans[series] = [*end_spans(spans, open_time, GapReason.REFUSED), *after]
        self._note(series, open_time)

    # --- minutes

    async def _store_minutes(self, place: Place, now: datetime) -> None:
        """Store the minutes that are over, and new revisions of earlier ones that have changed."""
        # Of later minutes, the newest spans count once they are over.
        changed = {series: at for series, at in self._changed_from.items() if at < place.minutes_until}
        for series, at in changed.items():
            await self._store_between(
                [series], span_at(Interval.M1, at).start, place.minutes_until, place, now
            )
        due = self._due(place, now)
        while place.minutes_until < due:
            end = min(due, place.minutes_until + MINUTES_AT_ONCE * MINUTE)
            await self._store_between(list(self._series.values()), place.minutes_until, end, place, now)
            place.minutes_until = end

    async def _store_between(
        self, series: Sequence[int], start: datetime, end: datetime, place: Place, now: datetime
    ) -> None:
        seconds = await read_newest(self._connection, SecondRow, series, start, end)
        known = await read_newest(self._connection, MinuteRow, series, start, end)
        minutes: dict[tuple[int, datetime], list[Bar]] = {}
        for (one, at), row in seconds.items():
            bar = to_bar(row)
            assert bar is not None
            minutes.setdefault((one, span_at(Interval.M1, at).start), []).append(bar)
        rows = []
        for one in series:
            spans = clip_open(self._spans.get(one, []), place.through)
            at = start
            while at < end:
                bars = minutes.get((one, at), [])
                before = known.get((one, at))
                coverage = judge_coverage(TimeSpan(at, at + MINUTE), spans, has_trades=bool(bars))
                bar = fold(bars)
                knowledge = CandleKnowledge(coverage, own_origin(self._source), now)
                if _is_better(before, coverage) and is_news(before, bar, coverage, knowledge.origin):
                    rows.append(to_candle_row(one, at, before, bar, knowledge))
                at += MINUTE
        kept = [row for row in rows if row["open_time"] >= self._keep.minutes]
        corrected: dict[int, TimeSpan] = {}
        for minute in kept:
            one, at = minute["series_id"], minute["open_time"]
            self._new_minutes[one] = min(at, self._new_minutes.get(one, at))
            if minute["revision"]:
                start, end = corrected.get(one, (at, at))
                corrected[one] = TimeSpan(min(start, at), max(end, at + MINUTE))
        for one, window in corrected.items():
            # They are compared with the source once more.
            await forget_runs(self._connection, one, window)
        await insert_rows(self._connection, MinuteRow, kept)


def _is_better(before: Row[Any] | None, coverage: CandleCoverage) -> bool:
    """Return whether a minute of ours may replace a stored one.

    A part says less than the source's own candle.
    """
    return before is None or before.origin != CandleOrigin.EXCHANGE or coverage in WHOLE


def _times(batches: Iterable[LoggedBatch]) -> list[datetime]:
    """Return all times that some batches are about."""
    times: list[datetime] = []
    for _, batch in batches:
        times += [batch.folded_at, *(one.second.open_time for one in batch.closed)]
        times += [
            event.start.at if isinstance(event, InstrumentStart) else event.end.at for event in batch.spans
        ]
    return times
