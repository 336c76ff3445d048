"""The candles of a page, and its gaps, from what is stored of one instrument."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from gateway.queries.candles.page import PageSpans, make_portions
from gateway.queries.candles.query import CandlesQuery
from gateway.queries.candles.storage import CandleStorage
from history.candle import Candle
from history.candle_fold import fold_candles
from history.candle_parts import fold_minutes, fold_parts
from history.coverage import CoveredSpan, Gap, clip_open, find_gaps
from history.interval import Interval, TimeSpan, span_at
from history.time_zone import parse_zone
from rates.source import Source

# Spans of a page from which its gaps are made. Older gaps are left out, and the answer says so.
MAX_SPANS = 500
# A minute without a row is folded from its seconds for so long. The recorder stores minutes 35 s after their end at the latest.
TAIL = timedelta(minutes=10)
# A span that goes on counts as covered for so long without a proof. Longer than a silent connection stays unnoticed.
PROOF_WAIT = timedelta(seconds=35)
_open_time = attrgetter("open_time")


class Gaps(NamedTuple):
    """Times in which trades may be missing, in order. `has_more`: earlier ones are left out."""

    gaps: tuple[Gap, ...]
    has_more: bool


class StoredCandles:
    """Candles of one instrument as known at `as_of`. All methods raise `DatabaseUnavailable`."""

    def __init__(
        self,
        storage: CandleStorage,
        series: int,
        source: Source,
        query: CandlesQuery,
        as_of: datetime,
        *,
        simulated: bool,
    ) -> None:
        self._storage, self._series, self._source = storage, series, source
        self._query, self._as_of, self._simulated = query, as_of, simulated

    async def read(self, page: PageSpans) -> list[Candle]:
        """Return the candles of a page, one for each of its spans."""
        window = page.window
        if self._query.interval is Interval.S1:
            return await self._read_seconds(window)
        parts = await self._read_parts(page.spans, window)
        zone = parse_zone(self._query.zone)
        return list(
            fold_parts(
                self._query.interval,
                window,
                parts,
                as_of=self._as_of,
                zone=zone,
                simulated=self._simulated,
            )
        )

    async def read_gaps(self, window: TimeSpan) -> Gaps:
        """Return the gaps of a time up to now, as they are known now."""
        window = TimeSpan(window.start, min(window.end, self._as_of))
        spans, has_more = await self._read_spans(window)
        if has_more:
            window = TimeSpan(spans[0].start, window.end)
        return Gaps(tuple(find_gaps(window, spans)) if window.start < window.end else (), has_more)

    async def _read_seconds(self, window: TimeSpan) -> list[Candle]:
        seconds = await self._storage.read_seconds(self._series, window)
        spans, _ = await self._read_spans(window)
        return list(
            fold_candles(Interval.S1, window, seconds, spans, as_of=self._as_of, simulated=self._simulated)
        )

    async def _read_parts(self, spans: Sequence[TimeSpan], window: TimeSpan) -> list[Candle]:
        """Return parts from stored minutes, then those from seconds that are no minute yet."""
        storage, series, known_at = self._storage, self._series, self._query.known_at
        tail = span_at(Interval.M1, self._as_of - TAIL).start
        if self._query.interval is Interval.M1:
            tail = min(tail, window.start)
        tail = max(tail, window.start) if window.end > tail else window.end
        parts = await storage.read_folded(series, make_portions(spans, tail), known_at)
        if tail < window.end:
            recent = TimeSpan(tail, window.end)
            minutes = await storage.read_minutes(series, recent, known_at)
            parts += await self._add_unstored(minutes, recent)
        return parts

    async def _add_unstored(self, minutes: list[Candle], window: TimeSpan) -> list[Candle]:
        """Return the minutes with those that only have seconds, in the order of time."""
        start = max(window.start, span_at(Interval.M1, self._as_of - TAIL).start)
        if start >= window.end:
            return minutes
        seconds = await self._storage.read_seconds(
            self._series, TimeSpan(start, window.end), self._query.known_at
        )
        stored = {minute.open_time for minute in minutes}
        unstored = [
            minute
            for minute in fold_minutes(seconds, as_of=self._as_of, simulated=self._simulated)
            if minute.open_time not in stored
        ]
        return list(merge(minutes, unstored, key=_open_time))

    async def _read_spans(self, window: TimeSpan) -> tuple[list[CoveredSpan], bool]:
        """Return the covered spans of a time, and whether earlier ones are left out."""
        spans, through = await self._storage.read_spans(self._series, self._source, window, MAX_SPANS)
        if (
            through is not None
            and self._as_of - through < PROOF_WAIT
            and self._query.interval is not Interval.S1
        ):
            # Nothing is missing yet: its proof is on its way.
            through = self._as_of
        return clip_open(spans, through), len(spans) > MAX_SPANS
