"""Folds the trades of one instrument into bars of one second. Pure.

A second closes at the first trade of a later one, or `CLOSE_AFTER` after its end, whichever is first. A trade that comes later makes
a correction: a bar of a higher revision.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from history.bar import Bar, BarBuilder, bar_of, merge
from history.trade import Trade, TradeId

SECOND = timedelta(seconds=1)
CLOSE_AFTER = timedelta(milliseconds=200)
# For as long a closed second can be corrected here. Trades come milliseconds late, or seconds after a reconnect.
CORRECTABLE_FOR = timedelta(seconds=60)


class SecondBar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The bar of the second from `open_time` on. Revision 0 is the first one that was closed."""

    open_time: datetime
    bar: Bar
    revision: int = 0


class SecondFold:
    """The bars of one instrument: the forming one, and closed ones that can still be corrected."""

    def __init__(self) -> None:
        self._open_time: datetime | None = None
        self._end: datetime | None = None
        self._builder: BarBuilder | None = None
        self._closed: OrderedDict[datetime, SecondBar] = OrderedDict()
        self._new: dict[datetime, SecondBar] = {}

    @property
    def closes_at(self) -> datetime | None:
        """When the forming second closes without another trade. `None` if none is forming."""
        return None if self._end is None else self._end + CLOSE_AFTER

    def add(self, trade: Trade) -> bool:
        """Add a trade. `False` if it is too late to correct its second."""
        time = trade.time
        if self._builder is None or self._open_time is None or self._end is None:
            return self._correct(trade) if self._is_over(time) else self._open(trade)
        if time >= self._end:
            self._close()
            return self._open(trade)
        if time >= self._open_time:
            self._builder.add(trade)
            return True
        return self._correct(trade)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The beginning and the end of the forming second. `None` if none is forming."""
        return None if self._open_time is None or self._end is None else (self._open_time, self._end)

    def add_in_order(self, trades: Sequence[Trade]) -> None:
        """Add trades of the forming second, each single and with a higher number than all before it."""
        assert self._builder is not None
        self._builder.add_in_order(trades)

    def close_due(self, now: datetime) -> None:
        """Close the forming second if its time is over, by the corrected clock."""
        if self._end is not None and now >= self._end + CLOSE_AFTER:
            self._close()

    def close_now(self) -> None:
        """Close the forming second although its time is not over, because the process ends."""
        if self._builder is not None:
            self._close()

    def take_closed(self) -> list[SecondBar]:
        """Return the bars that were closed or corrected since the last call, by time."""
        if not self._new:
            return []
        found = [self._new[at] for at in sorted(self._new)]
        self._new.clear()
        return found

    def repeat_after(self, last_at: datetime | None, last_id: TradeId | None) -> None:
        """Return the closed seconds with trades after the given one again with `take_closed`."""
        for at, second in self._closed.items():
            bar = second.bar
            if (
                last_at is None
                or bar.last_at > last_at
                or (bar.last_at == last_at and bar.last_id != last_id)
            ):
                self._new[at] = second

    def forming(self) -> SecondBar | None:
        """Return the bar of the second that is not over."""
        if self._builder is None or self._open_time is None:
            return None
        return SecondBar(self._open_time, self._builder.bar())

    def _open(self, trade: Trade) -> bool:
        self._open_time = trade.time.replace(microsecond=0)
        self._end = self._open_time + SECOND
        self._builder = BarBuilder(trade)
        return True

    def _close(self) -> None:
        assert self._builder is not None
        assert self._open_time is not None
        self._record(SecondBar(self._open_time, self._builder.bar()))
        self._open_time = self._end = self._builder = None

    def _is_over(self, time: datetime) -> bool:
        """Return whether the second of `time` is closed already, or before one that is."""
        return bool(self._closed) and time < next(reversed(self._closed)) + SECOND

    def _correct(self, trade: Trade) -> bool:
        second = trade.time.replace(microsecond=0)
        newest = self._open_time or next(reversed(self._closed))
        if newest - second > CORRECTABLE_FOR:
            return False
        known = self._closed.get(second)
        if known is None:
            # It had no trade so far, and so no revision.
            self._record(SecondBar(second, bar_of(trade)))
        else:
            bar = merge(known.bar, bar_of(trade))
            # Corrections that are taken together are one revision.
            is_taken = second not in self._new
            self._record(SecondBar(second, bar, known.revision + is_taken))
        return True

    def _record(self, second: SecondBar) -> None:
        newest = next(reversed(self._closed), None)
        self._closed[second.open_time] = second
        if newest is not None and second.open_time < newest:
            # Kept in the order of their times, so that the newest is the last.
            for at in [one for one in self._closed if one > second.open_time]:
                self._closed.move_to_end(at)
            newest_open = newest
        else:
            newest_open = second.open_time
        while next(iter(self._closed)) < newest_open - CORRECTABLE_FOR:
            self._closed.popitem(last=False)
        self._new[second.open_time] = second
