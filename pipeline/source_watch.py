"""One source as a recorder sees it in the cache: state, delay of its values, refusals.

Judged by the rules of `sources`, from the same facts. Time is an argument.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cache.ports import Snapshot
from cache.source_rules import SourceFacts, assess
from history.lag_counts import LagCounts
from history.source_record import (
    PIECE,
    RecordedPiece,
    RecordedState,
    SourceFigures,
    SourcePeriod,
)
from instruments.instrument import Instrument
from rates.age import age_at, format_age_ms
from rates.clock import EPOCH
from rates.health import REPORT_LIFETIME, SourceReport
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from rates.wire import Changes

# A state is taken as lasting until the next sample, unless that comes later than this.
LONGEST_SAMPLE = timedelta(seconds=5)


class SourceWatch:
    """Follows one source, and records it in pieces. `ttl`: how long its rates are fresh."""

    def __init__(self, source: Source, *, ttl: timedelta, simulated: bool) -> None:
        self.source = source
        self._ttl, self._simulated = ttl, simulated
        self._epoch, self._seq = "", 0
        self._is_current = False
        self._newest: Ticker | None = None
        self._latest_observed_at: datetime | None = None
        self._observed: dict[Symbol, datetime] = {}
        self._reports: dict[str, SourceReport] = {}
        self._refused_before: dict[str, int] = {}
        self._received = self._refused = 0
        self._lags = LagCounts()
        self._start: datetime | None = None
        self._sampled_at = EPOCH
        self._periods: list[SourcePeriod] = []
        self._done: list[RecordedPiece] = []

    # --- messages

    def load(self, snapshot: Snapshot) -> None:
        """Begin anew: nothing that the snapshot has counts as received."""
        self.interrupt()
        self._epoch, self._seq = snapshot.epoch, snapshot.seq
        for ticker in snapshot.tickers:
            self._record_ticker(ticker)
        for report in snapshot.reports:
            self._reports[report.instance] = report
            self._refused_before[report.instance] = report.refused
        self._is_current = True

    def follows(self, epoch: str, seq: int) -> bool:
        """Return whether nothing is missing before the write `seq` of an epoch."""
        return epoch == self._epoch and seq <= self._seq + 1

    def apply(self, changes: Changes) -> None:
        """Count the values of a write that follows."""
        if changes.seq <= self._seq:
            return
        self._seq = changes.seq
        for ticker in changes.tickers:
            self._record_ticker(ticker)
            self._received += 1
            self._lags.add(format_age_ms(age_at(ticker.received_at, ticker.observed_at)))

    def apply_report(self, report: SourceReport) -> None:
        """Count the values that a process has refused since its last report."""
        before = self._refused_before.get(report.instance, 0)
        # The counter of a process that has started again begins at zero.
        self._refused += report.refused - before if report.refused >= before else report.refused
        self._refused_before[report.instance] = report.refused
        self._reports[report.instance] = report

    def interrupt(self) -> None:
        """Stop recording: messages are being lost. The piece ends where its last sample was."""
        self._is_current = False
        if self._start is not None:
            self._close(self._sampled_at)

    def _record_ticker(self, ticker: Ticker) -> None:
        if self._newest is None or ticker.received_at >= self._newest.received_at:
            self._newest = ticker
        if self._latest_observed_at is None or ticker.observed_at > self._latest_observed_at:
            self._latest_observed_at = ticker.observed_at
        self._observed[ticker.symbol] = ticker.observed_at

    # --- samples

    def sample(self, now: datetime, cache_time: datetime, instruments: Sequence[Instrument]) -> None:
        """Record the state at `now`.

        `cache_time`: now, by the clock that dates reports. `instruments`: all that are tracked and trading.
        """
        if self._start is not None and not timedelta() <= now - self._sampled_at <= LONGEST_SAMPLE:
            # This process was asleep, or the clock stepped.
            self._close(self._sampled_at)
        if not self._is_current:
            self._sampled_at = now
            return
        state, reason = self._judge(now, cache_time, instruments)
        if self._start is None:
            self._start = now
            self._drop_figures()
            self._periods = [SourcePeriod(now, now, state, reason)]
        boundary = _floor(now)
        if self._start < boundary:
            last = self._periods[-1]
            self._close(boundary)
            self._start = boundary
            self._periods = [SourcePeriod(boundary, boundary, last.state, last.reason)]
        self._end_period(now)
        if state is not self._periods[-1].state:
            self._periods.append(SourcePeriod(now, now, state, reason))
        self._sampled_at = now

    def take(self) -> list[RecordedPiece]:
        """Return the pieces that are whole, in order, once."""
        done, self._done = self._done, []
        return done

    def _judge(
        self, now: datetime, cache_time: datetime, instruments: Sequence[Instrument]
    ) -> tuple[RecordedState, str | None]:
        self._reports = {
            name: each
            for name, each in self._reports.items()
            if abs(cache_time - each.reported_at) <= REPORT_LIFETIME
        }
        tracked = [one.symbol for one in instruments if one.suspicion is None]
        observed = [self._observed[symbol] for symbol in tracked if symbol in self._observed]
        facts = SourceFacts(
            source=self.source,
            reports=tuple(self._reports.values()),
            last=self._newest,
            latest_observed_at=self._latest_observed_at,
            tickers_per_minute=0,
            tracked=len(tracked),
            suspects=[one.symbol for one in instruments if one.suspicion is not None],
            fresh=sum(now - at <= self._ttl for at in observed),
            seen=len(observed),
            ttl=self._ttl,
            simulated=self._simulated,
            cache_time=cache_time,
        )
        status = assess(facts, now)
        return RecordedState(status.state.value), status.reason

    def _end_period(self, end: datetime) -> None:
        last = self._periods[-1]
        self._periods[-1] = SourcePeriod(last.start, end, last.state, last.reason)

    def _close(self, end: datetime) -> None:
        """End the piece. One without a length is none."""
        if self._periods[-1].start < end:
            self._end_period(end)
        else:
            self._periods.pop()
        if self._periods:
            figures = SourceFigures(self._received, self._refused, self._lags)
            self._done.append(RecordedPiece(self.source.value, tuple(self._periods), figures))
        self._start, self._periods = None, []
        self._drop_figures()

    def _drop_figures(self) -> None:
        self._received = self._refused = 0
        self._lags = LagCounts()


def _floor(now: datetime) -> datetime:
    return now - (now - EPOCH) % PIECE
