"""Compares stored candles with their parts: minutes with seconds and spans, hours and days.

Reads only. A difference is a bug, or a change by somebody else.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from history.bar import Bar, fold
from history.candle import Candle, CandleOrigin
from history.candle_fold import KnownBar
from history.coverage import CandleCoverage, CoveredSpan, fold_coverage, judge_coverage
from history.interval import Interval, TimeSpan, span_at, spans_between
from history.store import HistoryStore
from rates.source import Source
from rates.symbol import Symbol


class Difference(NamedTuple):
    """A candle that is not what its parts make of it."""

    symbol: Symbol
    candle: Candle
    problem: str


class Verification:
    """Compares the candles of one source with their parts, and counts them.

    A recorder may run meanwhile: what differs is read once more.
    """

    def __init__(self, store: HistoryStore, source: Source) -> None:
        self._store, self._source = store, source
        self.compared = self.instruments = 0

    async def run(self, window: TimeSpan) -> AsyncIterator[Difference]:
        """Yield the differences of all instruments in `window`, widened to a whole first day."""
        for symbol in await self._store.read_symbols(self._source):
            self.instruments += 1
            for day in spans_between(Interval.D1, span_at(Interval.D1, window.start).start, window.end):
                compared = self.compared
                found = await self._verify_day(symbol, TimeSpan(day.start, min(day.end, window.end)))
                if found:
                    self.compared = compared
                    found = await self._verify_day(symbol, TimeSpan(day.start, min(day.end, window.end)))
                for one in found:
                    yield one

    async def _verify_day(self, symbol: Symbol, day: TimeSpan) -> list[Difference]:
        store, source = self._store, self._source
        minutes = await store.read_minutes(source, symbol, day)
        hours = await store.read_hours(source, symbol, day)
        days = await store.read_days(source, symbol, day)
        if not minutes and not hours and not days:
            return []
        # Those from a source's klines have neither seconds nor spans.
        ours = [one for one in minutes if one.origin is not CandleOrigin.EXCHANGE]
        found = [*self._compare_spans(symbol, ours, await store.read_spans(source, symbol))]
        first_second = await store.read_first_second(source, symbol)
        if first_second is not None and first_second < day.end:
            seconds = await store.read_seconds(source, symbol, day)
            # The minute in which the kept seconds begin may have had earlier ones.
            kept = [one for one in ours if one.open_time > first_second]
            found += self._compare_seconds(symbol, kept, seconds)
        # Hours outlive their minutes.
        first = minutes[0].open_time if minutes else day.end
        found += self._compare_parts(symbol, [one for one in hours if one.open_time >= first], minutes, 60)
        return [*found, *self._compare_parts(symbol, days, hours, 24)]

    def _compare_spans(
        self, symbol: Symbol, minutes: Sequence[Candle], spans: Sequence[CoveredSpan]
    ) -> Iterator[Difference]:
        for candle in minutes:
            window = TimeSpan(candle.open_time, candle.close_time)
            touching = [span for span in spans if span.end > window.start and span.start < window.end]
            coverage = judge_coverage(window, touching, has_trades=candle.bar is not None)
            yield from self._compare(symbol, candle, candle.bar, coverage)

    def _compare_seconds(
        self, symbol: Symbol, minutes: Sequence[Candle], seconds: Sequence[KnownBar]
    ) -> Iterator[Difference]:
        bars: dict[datetime, list[Bar]] = {}
        for second in seconds:
            bars.setdefault(span_at(Interval.M1, second.open_time).start, []).append(second.bar)
        for candle in minutes:
            yield from self._compare(symbol, candle, fold(bars.get(candle.open_time, ())), candle.coverage)

    def _compare_parts(
        self, symbol: Symbol, candles: Sequence[Candle], parts: Sequence[Candle], count: int
    ) -> Iterator[Difference]:
        for candle in candles:
            inside = [one for one in parts if candle.open_time <= one.open_time < candle.close_time]
            bar = fold(one.bar for one in inside if one.bar is not None)
            coverage = fold_coverage([one.coverage for one in inside], count)
            yield from self._compare(symbol, candle, bar, coverage)

    def _compare(
        self, symbol: Symbol, candle: Candle, bar: Bar | None, coverage: CandleCoverage
    ) -> Iterator[Difference]:
        self.compared += 1
        if candle.bar != bar:
            yield Difference(symbol, candle, f"stored is {candle.bar}, its parts make {bar}")
        if candle.coverage is not coverage:
            yield Difference(symbol, candle, f"stored is {candle.coverage}, its parts make {coverage}")
