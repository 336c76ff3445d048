"""The record of a source: its states, the delay of its values, its refusals. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from history.interval import Interval, TimeSpan
from history.lag_counts import LagCounts

# A recorder stores a piece of this length at a time. It divides a minute.
PIECE = timedelta(seconds=5)
# Figures are stored for spans of these lengths; the first ones are dropped with the minutes of candles.
FIGURE_INTERVALS = (Interval.M1, Interval.M15, Interval.H1, Interval.H4, Interval.D1)
DROPPED_INTERVALS = FIGURE_INTERVALS[:2]
# The newest time of which a recorder that works may not have told yet.
TOLD_AFTER = 3 * PIECE


class RecordedState(StrEnum):
    """A state of a source as `sources` told it; UNKNOWN where nobody recorded."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    STALLED = "STALLED"
    RATE_LIMITED = "RATE_LIMITED"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


class SourcePeriod(msgspec.Struct, frozen=True):
    """A time in which a source had one state. `reason`: as it was told at first."""

    start: datetime
    end: datetime
    state: RecordedState
    reason: str | None = None


class SourceFigures(NamedTuple):
    """Figures of a time of a source: newer values that arrived, their delays, refusals."""

    received: int
    refused: int
    lags: LagCounts


class RecordedPiece(NamedTuple):
    """A piece of a record, of one minute at most. The periods follow each other without a hole."""

    source: str
    periods: Sequence[SourcePeriod]
    figures: SourceFigures

    @property
    def start(self) -> datetime:
        return self.periods[0].start

    @property
    def end(self) -> datetime:
        return self.periods[-1].end


class RecordedSpan(NamedTuple):
    """Figures of the time from `open_time` on, of which `recorded` was recorded."""

    open_time: datetime
    recorded: timedelta
    figures: SourceFigures


class SourceRecord(NamedTuple):
    """The stored record of a time of a source, and the first day of which anything is."""

    periods: Sequence[SourcePeriod]
    spans: Sequence[RecordedSpan]
    earliest: datetime | None


def fill_unknown(periods: Iterable[SourcePeriod], window: TimeSpan, now: datetime) -> list[SourcePeriod]:
    """Return the periods of a window without a hole: times that nobody recorded are UNKNOWN.

    `periods`: disjoint, and in order. The newest seconds, which a recorder has not told yet, are in none.
    """
    filled: list[SourcePeriod] = []
    start = window.start
    for period in periods:
        begin, end = max(period.start, window.start), min(period.end, window.end)
        if begin >= end:
            continue
        if begin > start:
            filled.append(SourcePeriod(start, begin, RecordedState.UNKNOWN))
        filled.append(SourcePeriod(begin, end, period.state, period.reason))
        start = end
    end = min(window.end, now)
    if start < end and not (filled and now - start <= TOLD_AFTER):
        filled.append(SourcePeriod(start, end, RecordedState.UNKNOWN))
    return filled
