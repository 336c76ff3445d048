"""Minutes of one instrument, from its trades, for the candles that its exchange publishes.

All values are integers: prices in ticks, quantities in steps. They are packed, because there are hundreds of instruments.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from simulator.markets import PublishedKline
from simulator.nanotime import MINUTE

# As many as the largest page of the exchanges. An instrument takes 64 kB.
MAX_MINUTES = 1_000
# Dropped together, which takes one move of the rest.
DROPPED_AT_ONCE = 100
_CLOSE, _WIDTH = 3, 7


@dataclass(frozen=True, slots=True)
class MinuteBar:
    """The trades of one minute. `quote` is in ticks times steps. Without a trade it is flat."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    count: int


class MinuteBars:
    """The newest minutes that began after `start_ns`; trades are added in the order of time.

    `price` is the one before the first trade.
    """

    def __init__(self, start_ns: int, price: int) -> None:
        # Nobody saw the whole minute of the start.
        self._first = -(-start_ns // MINUTE)
        self._close_before = price
        self._minutes = array("q")
        self._values = array("q")

    def add(self, at_ns: int, price: int, quantity: int) -> None:
        """Add one trade."""
        minute = at_ns // MINUTE
        if minute < self._first:
            self._close_before = price
            return
        values = self._values
        if not self._minutes or minute > self._minutes[-1]:
            self._minutes.append(minute)
            values.extend((price, price, price, price, quantity, price * quantity, 1))
            self._drop_oldest()
            return
        values[-6] = max(values[-6], price)
        values[-5] = min(values[-5], price)
        values[-4] = price
        values[-3] += quantity
        values[-2] += price * quantity
        values[-1] += 1

    def between(self, start_ns: int, end_ns: int) -> Iterator[MinuteBar]:
        """Yield the minutes that begin from `start_ns` to before `end_ns`, in order."""
        first = max(-(-start_ns // MINUTE), self._first)
        index = bisect_left(self._minutes, first)
        close = self._values[(index - 1) * _WIDTH + _CLOSE] if index else self._close_before
        for minute in range(first, -(-end_ns // MINUTE)):
            if index < len(self._minutes) and self._minutes[index] == minute:
                bar = MinuteBar(minute * MINUTE, *self._values[index * _WIDTH : (index + 1) * _WIDTH])
                close = bar.close
                index += 1
            else:
                bar = MinuteBar(minute * MINUTE, close, close, close, close, 0, 0, 0)
            yield bar

    def _drop_oldest(self) -> None:
        if len(self._minutes) < MAX_MINUTES + DROPPED_AT_ONCE:
            return
        self._close_before = self._values[(DROPPED_AT_ONCE - 1) * _WIDTH + _CLOSE]
        del self._minutes[:DROPPED_AT_ONCE]
        del self._values[: DROPPED_AT_ONCE * _WIDTH]
        self._first = self._minutes[0]


def to_klines(bars: Iterable[MinuteBar], tick: Decimal, step: Decimal) -> list[PublishedKline]:
    """Convert minutes to prices and quantities."""
    return [
        PublishedKline(
            start_ns=bar.start_ns,
            open=bar.open * tick,
            high=bar.high * tick,
            low=bar.low * tick,
            close=bar.close * tick,
            volume=bar.volume * step,
            quote_volume=bar.quote * tick * step,
            count=bar.count,
        )
        for bar in bars
    ]
