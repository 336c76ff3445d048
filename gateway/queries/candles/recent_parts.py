"""Joins stored candles of an instrument with its last minutes in memory. Pure.

Queries and subscriptions both do it here, so that they answer the same.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from gateway.state.recent_bars import RecentBars
from gateway.state.recent_series import RecentSeries, join_told
from history.bar import fold
from history.candle import Candle, CandleOrigin, CandleState, closed_state
from history.candle_fold import KnownBar
from history.candle_parts import fold_minutes
from history.coverage import WHOLE, CandleCoverage, CoveredSpan, join_spans
from history.interval import Interval, TimeSpan, span_at
from rates.symbol import Symbol

MINUTE = timedelta(minutes=1)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class StoredTail(NamedTuple):
    """The newest stored minutes and seconds, which begin in `window`, in the order of time."""

    minutes: Sequence[Candle]
    seconds: Sequence[KnownBar]
    window: TimeSpan


class RecentView(NamedTuple):
    """The last minutes of an instrument as known at `now`."""

    bars: RecentBars
    symbol: Symbol
    now: datetime

    @property
    def since(self) -> datetime:
        """The time from which on all closed seconds are known."""
        return self.now if self.bars.since is None else self.bars.since

    @property
    def series(self) -> RecentSeries:
        """The seconds of the instrument."""
        return self.bars.find(self.symbol)

    @property
    def closed_through(self) -> datetime:
        """Until when all spans have closed."""
        return self.bars.closed_through(self.series, self.now)

    @property
    def settled_until(self) -> datetime:
        """Until when no second changes any more, as long as the version of the series stays."""
        through, forming = self.bars.through, self.series.forming
        if through is None:
            return _BEFORE_ALL
        until = min(through, self.closed_through, self.now)
        return until if forming is None else min(until, forming.open_time)

    def first_minute(self) -> datetime:
        """Return the beginning of the minute in which `since` is."""
        return span_at(Interval.M1, self.since).start


def view_recent(bars: RecentBars, symbol: Symbol, now: datetime) -> RecentView | None:
    """Return what is known of the last minutes; `None` if nothing is."""
    return None if bars.since is None else RecentView(bars, symbol, now)


def complete_minutes(
    stored: StoredTail, recent: RecentView | None, *, as_of: datetime, simulated: bool
) -> list[Candle]:
    """Return the minutes of a time of which something is known, in order."""
    found = {minute.open_time: minute for minute in stored.minutes}
    seconds = (second for second in stored.seconds if second.open_time >= stored.window.start)
    for minute in fold_minutes(seconds, as_of=as_of, simulated=simulated):
        found.setdefault(minute.open_time, minute)
    if recent is not None:
        for own in read_recent_minutes(stored, recent, simulated=simulated):
            known = found.get(own.open_time)
            if known is None:
                found[own.open_time] = own
            elif _has_more(own, known):
                found[own.open_time] = msgspec.structs.replace(
                    own, revision=max(own.revision, known.revision)
                )
    return [found[start] for start in sorted(found)]


def read_recent_minutes(stored: StoredTail, recent: RecentView, *, simulated: bool) -> Iterator[Candle]:
    """Yield the recent minutes of a time, the forming one included.

    The minute in which they begin also has the seconds that are stored.
    """
    first, series = recent.first_minute(), recent.series
    start = max(first, stored.window.start)
    end = min(stored.window.end, recent.now)
    while start < end:
        span = TimeSpan(start, start + MINUTE)
        bar, known_at, late = series.read_minute(start)
        if start == first and recent.since > first:
            seconds = complete_seconds(stored.seconds, recent, span)
            bar = fold(second.bar for second in seconds)
            known_at = max((second.known_at for second in seconds), default=None)
        coverage = series.coverage_of(span, recent.bars.through, has_trades=bar is not None)
        if bar is not None or coverage is not CandleCoverage.UNKNOWN:
            yield Candle(
                interval=Interval.M1,
                open_time=span.start,
                close_time=span.end,
                bar=bar,
                state=closed_state(late),
                coverage=coverage,
                revision=late,
                known_at=min(span.end, recent.now) if known_at is None else known_at,
                simulated=simulated,
            )
        start = span.end


def complete_seconds(
    seconds: Sequence[KnownBar], recent: RecentView | None, window: TimeSpan
) -> list[KnownBar]:
    """Return the seconds with trades that begin in a time, in order."""
    found = {one.open_time: one for one in seconds if window.start <= one.open_time < window.end}
    for at, own in () if recent is None else recent.series.read_seconds(window):
        known, bar, revision = found.get(at), own.bar, len(own.late)
        if known is not None:
            bar, revision = join_told(known.bar, own.bar), max(revision, known.revision)
        found[at] = KnownBar(at, bar, own.known_at, revision)
    return [found[at] for at in sorted(found)]


def complete_spans(spans: Sequence[CoveredSpan], recent: RecentView | None) -> list[CoveredSpan]:
    """Return the covered spans as far as they are proved, disjoint and in order."""
    if recent is None:
        return list(spans)
    return join_spans([*spans, *recent.series.clipped_spans(recent.bars.through)])


def with_final_state(candle: Candle, recent: RecentView | None) -> Candle:
    """Return a candle with the state and the revision that its last trades give it."""
    if recent is None or candle.close_time <= recent.since:
        return candle
    if candle.close_time > recent.closed_through:
        if candle.state is CandleState.FORMING:
            return candle
        return msgspec.structs.replace(candle, state=CandleState.FORMING, revision=0)
    late = recent.series.count_late(TimeSpan(candle.open_time, candle.close_time))
    revision = max(late, candle.revision)
    if candle.state is closed_state(revision) and candle.revision == revision:
        return candle
    return msgspec.structs.replace(candle, state=closed_state(revision), revision=revision)


def _has_more(own: Candle, stored: Candle) -> bool:
    """Return whether a recent minute says as much as the stored one, or more."""
    if stored.origin is CandleOrigin.EXCHANGE:
        return False
    own_trades = 0 if own.bar is None else own.bar.trades or 0
    stored_trades = 0 if stored.bar is None else stored.bar.trades or 0
    if stored.coverage in WHOLE and own.coverage not in WHOLE:
        return own_trades > stored_trades
    return own_trades >= stored_trades
