"""Folds the candles of one series again and again, as the last minutes change. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from gateway.queries.candles.parts_reader import SeriesParts
from gateway.queries.candles.recent_parts import (
    RecentView,
    StoredTail,
    complete_minutes,
    complete_seconds,
    complete_spans,
    read_recent_minutes,
    with_final_state,
)
from gateway.state.recent_series import RecentSeries
from history.candle import Candle, CandleState
from history.candle_fold import fold_candles
from history.candle_parts import Portion, fold_portions, fold_spans
from history.coverage import WHOLE
from history.interval import Interval, TimeSpan, span_at
from history.second_fold import CLOSE_AFTER


class _Settled(NamedTuple):
    """Candles of seconds that stay as they are, as long as the series has the version."""

    series: RecentSeries | None
    version: int
    candles: Mapping[datetime, Candle]


class SeriesFold:
    """The parts of the candles of a series: stored ones, and those that were recent once.

    It has to fold at least once in each minute, before the minutes that are recent are forgotten.
    """

    def __init__(self, interval: Interval, zone: tzinfo, stored: SeriesParts, *, simulated: bool) -> None:
        self._interval, self._zone, self._simulated = interval, zone, simulated
        self._stored = stored
        # In order, without the minutes behind them.
        self._older: list[Candle] = list(stored.parts.older)
        self._minutes = {minute.open_time: minute for minute in stored.parts.tail.minutes}
        self._recent: dict[datetime, Candle] = {}
        self._settled = _Settled(None, 0, {})

    def fold(self, spans: Sequence[TimeSpan], recent: RecentView | None, now: datetime) -> list[Candle]:
        """Return the candles of spans in order, as known now.

        The first span is never earlier than in the call before.
        """
        if self._interval is Interval.S1:
            return self._fold_seconds(spans, recent, now)
        folded = self._fold_minutes(spans, recent, now)
        return [with_final_state(candle, recent) for candle in folded]

    def is_whole(self, window: TimeSpan) -> bool:
        """Return whether all of a time is proved by what is not recent."""
        if self._interval is Interval.S1:
            return True
        left = window.end - window.start
        for part in (*self._older, *self._minutes.values()):
            start, end = max(part.open_time, window.start), min(part.close_time, window.end)
            if part.coverage in WHOLE and end > start:
                left -= end - start
        return not left

    def _fold_seconds(
        self, spans: Sequence[TimeSpan], recent: RecentView | None, now: datetime
    ) -> list[Candle]:
        """Fold the seconds that may be others than in the call before. Nearly all are not."""
        settled = self._read_settled(recent)
        first = next((at for at, span in enumerate(spans) if span.start not in settled), len(spans))
        candles = [settled[span.start] for span in spans[:first]]
        if first < len(spans):
            window = TimeSpan(spans[first].start, spans[-1].end)
            seconds = complete_seconds(self._stored.parts.tail.seconds, recent, window)
            proved = complete_spans(self._stored.spans, recent)
            folded = fold_candles(Interval.S1, window, seconds, proved, as_of=now, simulated=self._simulated)
            candles += [with_final_state(candle, recent) for candle in folded]
        if recent is not None:
            until, series = recent.settled_until, recent.series
            kept = {
                candle.open_time: candle
                for candle in candles
                if candle.close_time <= until and candle.state is not CandleState.FORMING
            }
            self._settled = _Settled(series, series.version, kept)
        return candles

    def _read_settled(self, recent: RecentView | None) -> Mapping[datetime, Candle]:
        settled = self._settled
        if recent is None or recent.series is not settled.series or recent.series.version != settled.version:
            return {}
        return settled.candles

    def _fold_minutes(
        self, spans: Sequence[TimeSpan], recent: RecentView | None, now: datetime
    ) -> Iterator[Candle]:
        self._absorb(recent, spans[0].start)
        start = self._older[-1].close_time if self._older else self._stored.parts.tail.window.start
        window = TimeSpan(max(spans[0].start, start), spans[-1].end)
        minutes = [self._minutes[at] for at in sorted(self._minutes) if at >= window.start]
        tail = StoredTail(minutes, self._stored.parts.tail.seconds, window)
        parts = complete_minutes(tail, recent, as_of=now, simulated=self._simulated)
        if recent is not None:
            own = read_recent_minutes(tail, recent, simulated=self._simulated)
            self._recent = {minute.open_time: minute for minute in own}
        return fold_spans(self._interval, spans, [*self._older, *parts], as_of=now, simulated=self._simulated)

    def _absorb(self, recent: RecentView | None, start: datetime) -> None:
        """Keep minutes that are no longer recent, and forget what is before all candles."""
        if recent is not None:
            first = recent.first_minute()
            gone = [at for at in self._recent if at < first]
            for at in gone:
                minute, known = self._recent.pop(at), self._minutes.get(at)
                if known is None or _count_trades(minute) >= _count_trades(known):
                    self._minutes[at] = minute
            if gone:
                self._compress(first)
        self._older = [part for part in self._older if part.close_time > start]
        self._minutes = {at: one for at, one in self._minutes.items() if one.close_time > start}

    def _compress(self, until: datetime) -> None:
        """Fold minutes that stay as they are into parts, as long as nothing is missing between them."""
        for at in sorted(self._minutes):
            minute = self._minutes[at]
            if minute.close_time > until:
                return
            del self._minutes[at]
            last = self._older[-1] if self._older else None
            if last is not None and at < last.close_time:
                continue
            span = span_at(self._interval, at, self._zone)
            if (
                last is not None
                and last.close_time == at
                and last.open_time >= span.start
                and (last.coverage in WHOLE) == (minute.coverage in WHOLE)
            ):
                portion = Portion(TimeSpan(last.open_time, minute.close_time), span.end + CLOSE_AFTER)
                self._older[-1:] = fold_portions([portion], [last, minute], simulated=self._simulated)
            else:
                self._older.append(minute)


def _count_trades(candle: Candle) -> int:
    return 0 if candle.bar is None else candle.bar.trades or 0
