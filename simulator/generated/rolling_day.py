"""Rolling 24 h statistics of one symbol in buckets of 15 minutes.

All values are integers in ticks and steps.
"""

from collections import deque
from dataclasses import dataclass, replace

from simulator.nanotime import MINUTE

BUCKET = 15 * MINUTE
BUCKETS = 96
WINDOW = BUCKET * BUCKETS


@dataclass(slots=True)
class Bucket:
    """Trades of 15 minutes. `quote` is in ticks times steps."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    count: int


@dataclass(frozen=True, slots=True)
class DayStats:
    """24 h statistics.

    high >= close >= low holds, as `close` is the last trade inside the window.
    """

    previous_close: int
    open: int
    high: int
    low: int
    volume: int
    quote: int
    count: int


class RollingDay:
    """Trades of the last 24 hours; whole buckets are dropped when they leave the window."""

    def __init__(self, buckets: list[Bucket]) -> None:
        self._buckets = deque(buckets)
        self._previous_close = buckets[0].open
        # Cached: books change far more often than trades happen, at five venues; closed buckets change every 15 minutes.
        self._stats: DayStats | None = None
        self._closed: DayStats | None = None

    def add(self, at_ns: int, price: int, quantity: int) -> None:
        """Add one trade."""
        self._stats = None
        self._drop(at_ns - WINDOW)
        bucket = self._bucket(at_ns, price)
        bucket.high = max(bucket.high, price)
        bucket.low = min(bucket.low, price)
        bucket.close = price
        bucket.volume += quantity
        bucket.quote += price * quantity
        bucket.count += 1

    def stats(self) -> DayStats:
        """Statistics over the whole window."""
        if self._stats is None:
            if self._closed is None:
                self._closed = self._sum_closed(self._buckets)
            self._stats = self._with_last(self._closed, self._buckets[-1])
        return self._stats

    def _sum_closed(self, buckets: deque[Bucket]) -> DayStats:
        """Statistics of all buckets but the last; previous close and open are those of the window."""
        closed = list(buckets)[:-1]
        return DayStats(
            previous_close=self._previous_close,
            open=buckets[0].open,
            high=max((bucket.high for bucket in closed), default=buckets[0].high),
            low=min((bucket.low for bucket in closed), default=buckets[0].low),
            volume=sum(bucket.volume for bucket in closed),
            quote=sum(bucket.quote for bucket in closed),
            count=sum(bucket.count for bucket in closed),
        )

    @staticmethod
    def _with_last(closed: DayStats, last: Bucket) -> DayStats:
        return replace(
            closed,
            high=max(closed.high, last.high),
            low=min(closed.low, last.low),
            volume=closed.volume + last.volume,
            quote=closed.quote + last.quote,
            count=closed.count + last.count,
        )

    def _bucket(self, at_ns: int, price: int) -> Bucket:
        start_ns = at_ns - at_ns % BUCKET
        if not self._buckets or self._buckets[-1].start_ns < start_ns:
            self._closed = None
            self._buckets.append(Bucket(start_ns, price, price, price, price, 0, 0, 0))
        return self._buckets[-1]

    def _drop(self, oldest_ns: int) -> None:
        while self._buckets and self._buckets[0].start_ns + BUCKET <= oldest_ns:
            self._closed = None
            self._previous_close = self._buckets.popleft().close
