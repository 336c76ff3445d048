"""Bars: the sum of trades of one instrument, or of samples of its price. Pure and exact.

`merge` is associative, so that any interval can be folded from any shorter ones. Trades with numbers may come in any order; those
without are taken in the order of their arrival where their times are equal.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce

import msgspec

from history.exact import add, divide, multiply, multiply_add
from history.trade import Trade, TradeId, is_before


class Bar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """At least one trade, or one sample of a price.

    `quote_volume` is the exact sum of price times quantity.

    `first_at` and `last_at` are the times of the first and of the last trade, whose prices are `open` and `close`. A bar from a source's
    kline has the end of its minute instead, and `None` for what the source does not tell. Samples have neither volumes nor a number of
    trades.
    """

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    quote_volume: Decimal | None
    trades: int | None
    first_id: TradeId
    last_id: TradeId
    first_at: datetime
    last_at: datetime

    @property
    def vwap(self) -> Decimal | None:
        """The mean price by volume, at 18 significant digits. `None` without both volumes."""
        if not self.volume or self.quote_volume is None:
            return None
        return divide(self.quote_volume, self.volume)


class BarBuilder:
    """A bar that grows by one trade at a time.

    The same as merging the bars of the trades, and four times as fast.
    """

    __slots__ = (
        "_close",
        "_first_at",
        "_first_id",
        "_high",
        "_last_at",
        "_last_id",
        "_low",
        "_open",
        "_quote_volume",
        "_trades",
        "_volume",
    )

    def __init__(self, trade: Trade) -> None:
        price = trade.price
        self._open = self._high = self._low = self._close = price
        self._volume, self._quote_volume = trade.quantity, multiply(price, trade.quantity)
        self._trades = trade.count
        self._first_id, self._last_id = trade.first_id, trade.id
        self._first_at = self._last_at = trade.time

    def add(self, trade: Trade) -> None:
        """Add a trade that came after all others. It may have been made before them."""
        price, time = trade.price, trade.time
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._volume = add(self._volume, trade.quantity)
        self._quote_volume = add(self._quote_volume, multiply(price, trade.quantity))
        self._trades += trade.count
        # A later time is by far the most frequent case.
        if time > self._last_at or not is_before(time, trade.id, self._last_at, self._last_id):
            self._close, self._last_at, self._last_id = price, time, trade.id
        elif is_before(time, trade.first_id, self._first_at, self._first_id):
            self._open, self._first_at, self._first_id = price, time, trade.first_id

    def add_in_order(self, trades: Sequence[Trade]) -> None:
        """Add trades one after the other, each single and with a higher number than all before it."""
        high, low, volume, quote_volume = self._high, self._low, self._volume, self._quote_volume
        last_at, first_at = self._last_at, self._first_at
        for trade in trades:
            price, quantity, time = trade.price, trade.quantity, trade.time
            if price > high:
                high = price
            elif price < low:
                low = price
            volume = add(volume, quantity)
            quote_volume = multiply_add(price, quantity, quote_volume)
            if time >= last_at:
                last_at = time
                self._close, self._last_id = price, trade.id
            elif time < first_at:
                first_at = time
                self._open, self._first_id = price, trade.id
        self._high, self._low, self._volume, self._quote_volume = high, low, volume, quote_volume
        self._last_at, self._first_at = last_at, first_at
        self._trades += len(trades)

    def bar(self) -> Bar:
        """Return the bar of all trades so far."""
        return Bar(
            self._open,
            self._high,
            self._low,
            self._close,
            self._volume,
            self._quote_volume,
            self._trades,
            self._first_id,
            self._last_id,
            self._first_at,
            self._last_at,
        )


def bar_of(trade: Trade) -> Bar:
    """Return the bar of one trade."""
    return BarBuilder(trade).bar()


def merge(left: Bar, right: Bar) -> Bar:
    """Return the bar of the trades of both, of which none is in both. `left` came first."""
    opening = right if is_before(right.first_at, right.first_id, left.first_at, left.first_id) else left
    closing = left if is_before(right.last_at, right.last_id, left.last_at, left.last_id) else right
    return Bar(
        open=opening.open,
        high=max(left.high, right.high),
        low=min(left.low, right.low),
        close=closing.close,
        volume=_add_known(left.volume, right.volume),
        quote_volume=_add_known(left.quote_volume, right.quote_volume),
        trades=None if left.trades is None or right.trades is None else left.trades + right.trades,
        first_id=opening.first_id,
        last_id=closing.last_id,
        first_at=opening.first_at,
        last_at=closing.last_at,
    )


def _add_known(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    """Return a sum. One of which a part is not known is not known."""
    return None if left is None or right is None else add(left, right)


def fold(bars: Iterable[Bar]) -> Bar | None:
    """Merge bars in the order of their arrival. `None` if there is none."""
    found = iter(bars)
    first = next(found, None)
    return None if first is None else reduce(merge, found, first)
