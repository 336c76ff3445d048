"""The last minutes of all instruments of one source, in memory. Pure.

They are kept from the batches of the log by the rules of the recorder, so that both know the same.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from gateway.state.recent_series import RecentSeries
from history.batch import BarBatch, InstrumentStart
from history.coverage import GapReason
from history.interval import Interval, span_at
from history.second_fold import CLOSE_AFTER
from rates.source import Source
from rates.symbol import Symbol

# Longer than a late trade can correct its minute, and than a recorder is late.
KEPT_FOR = timedelta(minutes=3)
# Of one source. About 1 KiB each.
MAX_SECONDS = 50_000
# A live feed has a batch that closes a span 200 ms after its end. If none comes, the span closes by the clock so much later.
GRACE = timedelta(milliseconds=300)
# Batches that do not arrive, and a second that is known to be forming, are awaited for so long.
PATIENCE = timedelta(seconds=2)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class RecentBars:
    """The recent seconds of a source.

    From `since` on every closed second is known, `None` before the first batch. `is_current`: every batch arrives. Until `through` the
    open spans are proved. `applied_at`: the time of the last batch. `lost_at`: that of the first batch after some that were lost.
    """

    def __init__(self, source: Source, *, max_seconds: int = MAX_SECONDS) -> None:
        self.source = source
        self._max_seconds = max_seconds
        self.series: dict[Symbol, RecentSeries] = {}
        self.since: datetime | None = None
        self.unbroken_since: datetime | None = None
        self.through: datetime | None = None
        self.applied_at: datetime | None = None
        self.lost_at: datetime | None = None
        self.is_current = False
        self._session, self._number = "", 0
        self._not_before = _BEFORE_ALL
        self._closed_until = _BEFORE_ALL
        self._trimmed_at = _BEFORE_ALL
        self._seconds = 0

    def closed_through(self, series: RecentSeries, now: datetime) -> datetime:
        """Return until when all spans of a series have closed.

        `now`: by the corrected clock.
        """
        until = max(self._closed_until, series.closed_until)
        by_clock = now - CLOSE_AFTER - PATIENCE
        if self.is_current:
            in_time = now - CLOSE_AFTER - GRACE
            by_clock = max(
                by_clock, in_time if series.forming is None else min(in_time, series.forming.open_time)
            )
        series.closed_until = until = max(until, by_clock)
        return until

    def find(self, symbol: Symbol) -> RecentSeries:
        """Return a series, which may be empty."""
        series = self.series.get(symbol)
        if series is None:
            series = self.series[symbol] = RecentSeries()
        return series

    def follows(self, batch: BarBatch) -> bool:
        """Return whether nothing is missing between the last batch and this one."""
        if batch.session == self._session:
            return batch.number <= self._number + 1
        return batch.number == 1 and self.since is not None

    def apply(self, batch: BarBatch, now: datetime | None = None) -> set[Symbol] | None:
        """Add a batch. Returns its symbols, `None` if it is known.

        `now`: when it was read; `None` for a batch of the log, which comes later than its time.
        """
        if batch.session == self._session and batch.number <= self._number:
            return None
        if batch.session != self._session or batch.number != self._number + 1:
            self._begin(batch)
        self._session, self._number, self.applied_at = batch.session, batch.number, batch.folded_at
        told: set[Symbol] = set()
        # Before the batch, because its own bars close spans too.
        closed_until = {
            bar.symbol: self._closed_until if now is None else self.closed_through(self.find(bar.symbol), now)
            for bar in batch.closed
        }
        for bar in batch.closed:
            series = self.find(bar.symbol)
            self._seconds += series.add_second(bar.second, batch.folded_at, closed_until[bar.symbol])
            told.add(bar.symbol)
        for bar in batch.forming:
            self.find(bar.symbol).set_forming(bar.second, batch.folded_at)
            told.add(bar.symbol)
        told |= self._apply_spans(batch)
        if batch.through is not None and (self.through is None or batch.through > self.through):
            self.through = batch.through
        self._closed_until = max(self._closed_until, batch.folded_at - CLOSE_AFTER)
        self._trim(batch.folded_at)
        return told

    def _begin(self, batch: BarBatch) -> None:
        """End all spans where the last batch before a missing one, or of another process, said.

        The second that was forming then is left out, as by the recorder.
        """
        is_lost = not self.follows(batch)
        if is_lost:
            if self.since is not None:
                self.lost_at = batch.folded_at
            self.series = {}
            self._seconds = 0
            # Seconds that closed before may have been in what is missing.
            self._not_before = self.since = span_at(Interval.S1, batch.folded_at).end
            self.unbroken_since = batch.folded_at
        for series in self.series.values():
            series.forming = None
            if series.is_covered:
                through = self.through
                at = series.spans[-1].start if through is None else span_at(Interval.S1, through).start
                series.end_span(at, GapReason.DISCONNECTED)

    def _apply_spans(self, batch: BarBatch) -> set[Symbol]:
        told: set[Symbol] = set()
        for event in batch.spans:
            series = self.find(event.symbol)
            told.add(event.symbol)
            if isinstance(event, InstrumentStart):
                series.start_span(max(event.start.at, self._not_before))
            else:
                series.end_span(event.end.at, event.end.reason)
        for span in batch.open_spans or ():
            series = self.find(span.symbol)
            if not series.is_covered:
                series.start_span(max(span.start.at, self._not_before))
                told.add(span.symbol)
        return told

    def _trim(self, now: datetime) -> None:
        """Forget what is too old, or too much."""
        horizon = span_at(Interval.M1, now - KEPT_FOR).start
        while self._seconds > self._max_seconds and (oldest := self._oldest_minute()) is not None:
            horizon = max(horizon, oldest + timedelta(minutes=1))
            self._drop_before(horizon)
        if horizon > self._trimmed_at:
            self._drop_before(horizon)

    def _drop_before(self, horizon: datetime) -> None:
        self._trimmed_at = horizon
        self._seconds -= sum(series.trim(horizon) for series in self.series.values())
        if self.since is not None:
            self.since = max(self.since, horizon)
        self.series = {
            symbol: one for symbol, one in self.series.items() if one.minutes or one.spans or one.forming
        }

    def _oldest_minute(self) -> datetime | None:
        starts: Iterable[datetime] = (start for one in self.series.values() for start in one.minutes)
        return min(starts, default=None)
