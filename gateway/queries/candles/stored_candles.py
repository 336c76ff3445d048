"""The candles of a page, and its gaps, from what is stored of one instrument."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from gateway.queries.candles.page import HOUR, MINUTE, QUARTER, PageSpans, make_portions
from gateway.queries.candles.recent_parts import (
    RecentView,
    StoredTail,
    complete_minutes,
    complete_seconds,
    complete_spans,
    with_final_state,
)
from gateway.queries.candles.storage import CandleStorage
from history.candle import Candle
from history.candle_fold import KnownBar, fold_candles
from history.candle_parts import fold_parts, fold_spans
from history.coverage import CoveredSpan, Gap, clip_open, find_gaps
from history.interval import Interval, TimeSpan, span_at
from history.sampling import proof_wait
from rates.source import Source

# Spans of a page from which its gaps are made. Older gaps are left out, and the answer says so.
MAX_SPANS = 500
# A minute without a row is folded from its seconds for so long. The recorder stores minutes `proof_wait` after their end at the latest.
TAIL = timedelta(minutes=10)


class StoredParts(NamedTuple):
    """Stored parts of some spans, in order, and the newest ones."""

    older: Sequence[Candle]
    tail: StoredTail


class Gaps(NamedTuple):
    """Times in which trades may be missing, in order. `has_more`: earlier ones are left out."""

    gaps: tuple[Gap, ...]
    has_more: bool


class StoredCandles:
    """Candles of one instrument as known at `as_of`. All methods raise `DatabaseUnavailable`.

    `recent`: what the gateway knows of the last minutes, if anything.
    """

    def __init__(
        self,
        storage: CandleStorage,
        series: int,
        source: Source,
        as_of: datetime,
        *,
        known_at: datetime | None = None,
        recent: RecentView | None = None,
        simulated: bool,
    ) -> None:
        self._storage, self._series, self._source, self._recent = storage, series, source, recent
        self._as_of, self._known_at, self._simulated = as_of, known_at, simulated

    async def read(self, page: PageSpans, interval: Interval, zone: tzinfo) -> list[Candle]:
        """Return the candles of a page, one for each of its spans."""
        if interval is Interval.S1:
            return await self._read_seconds(page.window)
        parts = await self._read_parts(page.spans)
        folded = fold_parts(
            interval, page.window, parts, as_of=self._as_of, zone=zone, simulated=self._simulated
        )
        return [with_final_state(candle, self._recent) for candle in folded]

    async def read_steps(self, steps: Sequence[TimeSpan]) -> list[Candle]:
        """Return one candle for each step. Steps are whole minutes in order, without a hole."""
        parts = await self._read_parts(steps)
        return list(fold_spans(Interval.M1, steps, parts, as_of=self._as_of, simulated=self._simulated))

    async def read_gaps(self, window: TimeSpan) -> Gaps:
        """Return the gaps of a time up to now, as they are known now."""
        window = TimeSpan(window.start, min(window.end, self._as_of))
        spans, has_more = await self._read_spans(window, waits_for_proof=True)
        if has_more:
            window = TimeSpan(spans[0].start, window.end)
        return Gaps(tuple(find_gaps(window, spans)) if window.start < window.end else (), has_more)

    async def read_seconds(self, window: TimeSpan) -> list[KnownBar]:
        """Return the stored seconds with trades, in the order of time."""
        return await self._storage.read_seconds(self._series, window)

    async def read_proved(self, window: TimeSpan) -> list[CoveredSpan]:
        """Return the covered spans as far as they are proved."""
        spans, _ = await self._read_spans(window, waits_for_proof=False)
        return spans

    async def read_stored(self, spans: Sequence[TimeSpan]) -> StoredParts:
        """Return parts of the longest stored bars, and the minutes and seconds of the tail.

        What is newer is stored in shorter ones only.
        """
        window = TimeSpan(spans[0].start, spans[-1].end)
        tail = window.start
        if any(span.end - span.start > MINUTE for span in spans):
            tail = max(window.start, min(window.end, span_at(Interval.M1, self._as_of - TAIL).start))
        parts: list[Candle] = []
        start = window.start
        for interval, end in (*await self._list_levels(spans, tail), (Interval.M1, tail)):
            if start < end:
                portions = make_portions(spans, start, end)
                parts += await self._storage.read_folded(self._series, portions, self._known_at, interval)
                start = end
        return StoredParts(parts, await self._read_tail(TimeSpan(tail, window.end)))

    async def _read_tail(self, window: TimeSpan) -> StoredTail:
        minutes: list[Candle] = []
        seconds: list[KnownBar] = []
        if window.start < window.end:
            minutes = await self._storage.read_minutes(self._series, window, self._known_at)
        start = max(window.start, span_at(Interval.M1, self._as_of - TAIL).start)
        if start < window.end:
            recent = TimeSpan(start, window.end)
            seconds = await self._storage.read_seconds(self._series, recent, self._known_at)
        return StoredTail(minutes, seconds, window)

    async def _read_seconds(self, window: TimeSpan) -> list[Candle]:
        seconds = complete_seconds(await self.read_seconds(window), self._recent, window)
        spans = complete_spans(await self.read_proved(window), self._recent)
        folded = fold_candles(
            Interval.S1, window, seconds, spans, as_of=self._as_of, simulated=self._simulated
        )
        return [with_final_state(candle, self._recent) for candle in folded]

    async def _read_parts(self, spans: Sequence[TimeSpan]) -> list[Candle]:
        """Return parts of stored days, hours, quarters and minutes, then those of seconds."""
        stored = await self.read_stored(spans)
        newer = complete_minutes(stored.tail, self._recent, as_of=self._as_of, simulated=self._simulated)
        return [*stored.older, *newer]

    async def _list_levels(
        self, spans: Sequence[TimeSpan], tail: datetime
    ) -> list[tuple[Interval, datetime]]:
        """Return the intervals of stored parts that divide the spans, and until when.

        Before a time from which on quarter hours are stored, minutes count.
        """
        if spans[-1].end - spans[-1].start < QUARTER or not _begin_at(Interval.M15, spans):
            return []
        quarters, hours_until = await self._storage.read_rolled_up(self._source)
        levels: list[tuple[Interval, datetime]] = []
        if (
            hours_until is not None
            and spans[-1].end - spans[-1].start >= HOUR
            and _begin_at(Interval.H1, spans)
        ):
            hours = span_at(Interval.H1, min(hours_until, tail)).start
            if _begin_at(Interval.D1, spans):
                levels.append((Interval.D1, span_at(Interval.D1, hours).start))
            return [*levels, (Interval.H1, hours)]
        if quarters is not None and quarters.start < tail:
            until = span_at(Interval.M15, min(quarters.end, tail)).start
            return [(Interval.M1, quarters.start), (Interval.M15, until)]
        return []

    async def _read_spans(self, window: TimeSpan, *, waits_for_proof: bool) -> tuple[list[CoveredSpan], bool]:
        """Return the covered spans of a time, and whether earlier ones are left out.

        `waits_for_proof`: what goes on is covered up to now, although the proof is still on its way.
        """
        spans, through = await self._storage.read_spans(self._series, self._source, window, MAX_SPANS)
        if waits_for_proof and through is not None and self._as_of - through < proof_wait(self._source):
            through = self._as_of
        return clip_open(spans, through), len(spans) > MAX_SPANS


def _begin_at(interval: Interval, spans: Sequence[TimeSpan]) -> bool:
    """Return whether all spans begin with one of `interval`, in UTC."""
    return all(span_at(interval, span.start).start == span.start for span in spans)
