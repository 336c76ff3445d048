"""The last candles of one series, kept up to date for all subscriptions that contain it.

They are what the query `candles` would answer: folded from the same parts, stored ones and those of the last minutes.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol as Role

import msgspec

from gateway.queries.candles.candle_list import CandleSeries, SeriesCandle
from gateway.queries.candles.parts_reader import CandlePartsReader
from gateway.queries.candles.query import RESOLUTION
from gateway.queries.candles.recent_parts import RecentView, view_recent
from gateway.queries.candles.series_fold import SeriesFold
from gateway.state.bar_mirror import BarMirror
from gateway.state.recent_bars import GRACE
from history.candle import Candle, CandleState
from history.interval import Interval, TimeSpan, span_at, spans_between
from history.second_fold import CLOSE_AFTER
from history.time_zone import parse_zone
from rates.clock import Clock

# For so long a closed candle is kept up to date: a late trade corrects it within a minute, and it is proved soon after its end.
HELD, HELD_SECONDS = timedelta(seconds=130), timedelta(seconds=65)
# Candles that are held while batches do not arrive.
MAX_HELD = 1_000
# Candles that are not whole are read again so often: the recorder may have been late.
RELOAD_AFTER, RELOADS = timedelta(seconds=60), 5
# While a candle is awaited that should have closed.
POLL_S = 0.25
_RESOLUTION_S = 0.001


class SeriesWatcher(Role):
    """A cohort whose subscription contains the series."""

    def mark_changed(self, series: "LiveSeries", *, is_closing: bool) -> None:
        """Note that a candle may be another; it must not read the series.

        `is_closing`: one has closed.
        """
        ...


class LiveSeries:
    """The candles of a series that may still change. It is loaded before it is read.

    `update_count`: the batches about it so far. `losses`: how often batches of its source were lost. `reload_at`: when to load again.
    """

    def __init__(
        self,
        series: CandleSeries,
        mirror: BarMirror,
        parts: CandlePartsReader,
        *,
        simulated: bool,
        clock: Clock,
    ) -> None:
        self.series, self.bars = series, mirror.sources[series.key.source]
        self.watchers: dict[SeriesWatcher, None] = {}
        self.update_count = self.losses = 0
        self.reload_at: datetime | None = None
        self._mirror, self._parts, self._simulated, self._clock = mirror, parts, simulated, clock
        self._zone = parse_zone(series.zone)
        self._held = HELD_SECONDS if series.interval is Interval.S1 else HELD
        self._fold: SeriesFold | None = None
        # Since when the fold has parts, and since when nothing was lost as it was loaded, or as it is to be.
        self._since: datetime | None = None
        self._unbroken_since: datetime | None = None
        self._candles: tuple[SeriesCandle, ...] = ()
        # Candles from a time on are held until another time, because batches did not arrive.
        self._missed: tuple[datetime, datetime] | None = None
        self._was_current = True
        self._is_lost = False
        self._is_stale = True
        self._next_end: datetime | None = None
        self._next_proof: datetime | None = None
        self._minute: datetime | None = None
        self._reloads = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the stored parts were read."""
        return self._fold is not None

    def watch(self, watcher: SeriesWatcher) -> None:
        """Announce changes to `watcher` from here on."""
        if not self.watchers:
            self._mirror.add_follower(self.series.key, self)
        self.watchers[watcher] = None
        self._arm()

    def unwatch(self, watcher: SeriesWatcher) -> None:
        """Announce nothing more to `watcher`."""
        if watcher not in self.watchers:
            return
        del self.watchers[watcher]
        if not self.watchers:
            self._mirror.remove_follower(self.series.key, self)
            # What comes from now on is not folded in time.
            self._fold = self.reload_at = None
            self._disarm()

    async def load(self) -> None:
        """Read the stored parts.

        Raises:
            HistoryUnavailable: they cannot be read in time.
        """
        now, unbroken_since = self._clock(), self.bars.unbroken_since
        spans = self._list_spans(now)
        stored = await self._parts.read(self.series.key, self.series.interval, spans)
        if self._is_lost and unbroken_since == self.bars.unbroken_since:
            self.losses += 1
            self._is_lost = False
        self._fold = SeriesFold(self.series.interval, self._zone, stored, simulated=self._simulated)
        self._since, self._unbroken_since = spans[0].start, unbroken_since
        self.reload_at, self._is_stale = None, True
        if self.watchers:
            self.read(self._clock())
            self._announce(is_closing=True)

    def read(self, now: datetime) -> tuple[SeriesCandle, ...]:
        """Return the candles that may still change, in order. An unchanged one is the same object."""
        is_new = not self._candles or self._candles[-1].candle.close_time <= now
        if self._is_stale or is_new or self._is_over(now):
            self._update(now)
        return self._candles

    def on_batch(self, *, is_told: bool) -> None:
        bars, now = self.bars, self._clock()
        self.update_count += is_told
        if bars.is_current and not self._was_current and self._candles:
            self._missed = self._candles[0].candle.open_time, now + HELD
        self._was_current = bars.is_current
        if bars.unbroken_since != self._unbroken_since:
            # Before a reading that only waits for a proof: until this one nothing is said, not even that a candle has closed.
            self._unbroken_since = bars.unbroken_since
            self.reload_at, self._reloads = now, 0
        minute = None if bars.applied_at is None else span_at(Interval.M1, bars.applied_at).start
        is_closing = self._is_over(now)
        is_proved = (
            self._next_proof is not None and bars.through is not None and bars.through >= self._next_proof
        )
        if minute != self._minute:
            # Before the oldest minute is forgotten.
            self._minute = minute
            self._update(now)
        if is_told or is_closing or is_proved:
            self._is_stale = True
            self._announce(is_closing=is_closing)

    def on_lost(self) -> None:
        # Nothing is said until the stored parts are read again.
        self._is_lost = True
        if self._candles:
            self._missed = self._candles[0].candle.open_time, self._clock() + HELD

    def _announce(self, *, is_closing: bool) -> None:
        for watcher in self.watchers:
            watcher.mark_changed(self, is_closing=is_closing)

    # --- candles

    def _view(self, now: datetime) -> RecentView | None:
        return view_recent(self.bars, self.series.key.symbol, now)

    def _list_spans(self, now: datetime) -> list[TimeSpan]:
        """Return the spans whose candles may still change, and those that were missed."""
        start = now - self._held
        if not self.bars.is_current and self._candles:
            start = min(start, self._candles[0].candle.open_time)
        elif self._missed is not None and now < self._missed[1]:
            start = min(start, self._missed[0])
        interval, zone = self.series.interval, self._zone
        if interval.length is not None:
            start = max(start, now - MAX_HELD * interval.length)
        start = span_at(interval, start, zone).start
        return list(spans_between(interval, start, now + RESOLUTION, zone))

    def _is_over(self, now: datetime) -> bool:
        """Return whether a candle has closed that was not."""
        if self._next_end is None or (recent := self._view(now)) is None:
            return False
        return recent.closed_through >= self._next_end

    def _update(self, now: datetime) -> None:
        if self._fold is None or self._since is None or self._is_lost:
            return
        recent, since = self._view(now), self._since
        listed = self._list_spans(now)
        spans = [span for span in listed if span.start >= since] or listed[-1:]
        # Later folds begin no earlier.
        self._since = spans[0].start
        known = {one.candle.open_time: one for one in self._candles}
        self._candles = tuple(self._keep(known, candle) for candle in self._fold.fold(spans, recent, now))
        self._is_stale = False
        self._schedule(self._fold, spans, recent, now)

    def _keep(self, known: dict[datetime, SeriesCandle], candle: Candle) -> SeriesCandle:
        before = known.get(candle.open_time)
        if before is not None and _is_unchanged(before.candle, candle):
            return before
        return SeriesCandle(self.series, candle)

    # --- time

    def _schedule(
        self, fold: SeriesFold, spans: Sequence[TimeSpan], recent: RecentView | None, now: datetime
    ) -> None:
        """Note when the next candle closes, the next part is proved, and the parts are read again."""
        ends = (one.candle.close_time for one in self._candles if one.candle.state is CandleState.FORMING)
        next_end = next(ends, None)
        if next_end != self._next_end:
            self._next_end = next_end
            self._disarm()
        self._arm()
        part = Interval.S1 if self.series.interval is Interval.S1 else Interval.M1
        through = self.bars.through
        self._next_proof = None if through is None else span_at(part, max(through, spans[0].start)).end
        end = now if recent is None else recent.first_minute()
        stored = TimeSpan(spans[0].start, max(end, spans[0].start))
        if self.reload_at is None and self._reloads < RELOADS and not fold.is_whole(stored):
            self._reloads += 1
            self.reload_at = now + RELOAD_AFTER

    def _arm(self) -> None:
        if self._timer is None and self._next_end is not None and self.watchers:
            wait_s = (self._next_end + CLOSE_AFTER + GRACE - self._clock()).total_seconds() + _RESOLUTION_S
            self._timer = asyncio.get_running_loop().call_later(max(wait_s, POLL_S), self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        if self._is_over(self._clock()):
            self._is_stale = True
            self._announce(is_closing=True)
        self._arm()


def _is_unchanged(before: Candle, candle: Candle) -> bool:
    """Return whether nothing has changed that a client is told of."""
    if before is candle or before == candle:
        return True
    # Without trades, it is known as of the time of each answer.
    return candle.bar is None and msgspec.structs.replace(candle, known_at=before.known_at) == before
