"""Searches the stored bars of instruments for the last trade before a time."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.queries.candles.storage import CandleStorage
from gateway.queries.rate_at.rate_at import TradeBefore, find_trade_before, judge_since
from history.candle_fold import KnownBar
from history.coverage import CandleCoverage
from history.interval import Interval, TimeSpan, span_at
from history.span_close import SpanClose

# For so long before a time trades are looked for in bars of each length. Longer bars are kept longer.
LOOK_BACK = {Interval.S1: timedelta(hours=1), Interval.M1: timedelta(days=1), Interval.H1: timedelta(days=31)}
_RESOLUTION = timedelta(microseconds=1)
_NOTHING = SpanClose(None, 0, 0)


class FoundTrade(NamedTuple):
    """A trade, and the length of the stored bars that tell what is known of the time since."""

    series: int
    trade: TradeBefore
    parts: Interval


class TradeSearch(NamedTuple):
    """A search for trades at or before `at`, as they were known at `known_at`.

    Its methods raise `DatabaseUnavailable`.
    """

    storage: CandleStorage
    at: datetime
    known_at: datetime | None = None

    async def find(self, series: Collection[int]) -> dict[int, FoundTrade]:
        """Return the last trade of each instrument that has one.

        Seconds and minutes are both read: minutes that were filled in later have no seconds.
        """
        bars: dict[int, list[KnownBar]] = {one: [] for one in series}
        found: dict[int, FoundTrade] = {}
        for interval in LOOK_BACK:
            wanted = [one for one in bars if interval is not Interval.H1 or one not in found]
            for window in self._windows(interval):
                known = await self.storage.read_last_bars(interval, wanted, window, self.known_at)
                for one, bar in known.items():
                    bars[one].append(bar)
            parts = Interval.H1 if interval is Interval.H1 else Interval.M1
            for one in wanted:
                if (trade := find_trade_before(bars[one], self.at)) is not None:
                    found[one] = FoundTrade(one, trade, parts)
        return found

    def _windows(self, interval: Interval) -> tuple[TimeSpan, TimeSpan]:
        """Return the time of the bar that `at` is in, and the time before it."""
        start = span_at(interval, self.at).start
        return TimeSpan(start, start + _RESOLUTION), TimeSpan(self.at - LOOK_BACK[interval], start)

    async def read_coverage(self, found: FoundTrade) -> CandleCoverage:
        """Return how much is known of the time since a trade."""
        own, end = span_at(found.parts, found.trade.traded_at), span_at(found.parts, self.at).end
        return judge_since(
            await self._read_part(found, own),
            await self._read_part(found, TimeSpan(own.end, end)),
            own.end - own.start,
            end - own.end,
            is_last=found.trade.is_last,
        )

    async def _read_part(self, found: FoundTrade, window: TimeSpan) -> SpanClose:
        if window.start >= window.end:
            return _NOTHING
        closes = await self.storage.read_closes((found.series,), window, found.parts, self.known_at)
        return closes.get(found.series, _NOTHING)
