"""The last trades of one instrument, in the order in which they were told. Pure.

They are numbered here, from 1 on, so that a reader knows what it has and what it has missed.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Protocol as Role

import msgspec

from history.trade import Trade, TradeId
from history.trade_tape import TAPE_LENGTH, TapeChunk
from rates.ticker import TickerKey


class TradeWatcher(Role):
    """A cohort whose subscription shows the instrument."""

    def mark_changed(self) -> None:
        """Note that there are new trades."""
        ...


class RecentTrades:
    """At most `TAPE_LENGTH` trades.

    `count`: the number of the newest one. `last_gap`: the number of the newest one before which others may be missing. `is_loaded`:
    whether the tape was read, and is followed since. `holders`: those who need it.
    """

    def __init__(self, key: TickerKey) -> None:
        self.key = key
        self.count = self.last_gap = self.holders = 0
        self.is_loaded = False
        self.watchers: dict[TradeWatcher, None] = {}
        self._trades: deque[Trade] = deque(maxlen=TAPE_LENGTH)

    @property
    def last_id(self) -> TradeId | None:
        """The id of the newest trade."""
        return self._trades[-1].id if self._trades else None

    def find(self, trade_id: TradeId) -> int | None:
        """Return the number of a trade; `None` if it is not kept."""
        for back, one in enumerate(reversed(self._trades)):
            if one.id == trade_id:
                return self.count - back
        return None

    def read_last(self, limit: int) -> tuple[Trade, ...]:
        """Return the newest trades."""
        kept = min(limit, len(self._trades))
        return tuple(islice(self._trades, len(self._trades) - kept, None))

    def read_after(self, number: int) -> tuple[int, tuple[Trade, ...]]:
        """Return the trades after one that are kept, and the number of those between that are not."""
        missed = self.count - number
        found = self.read_last(missed)
        return missed - len(found), found

    def apply(self, chunk: TapeChunk) -> bool:
        """Add trades that follow the newest one.

        `False` if others are missing between them, so that the tape has to be read.
        """
        if chunk.after is not None and chunk.after == self.last_id:
            self._extend(chunk.trades)
            return True
        # It was on the tape when that was read.
        return self.find(chunk.trades[-1].id) is not None

    def merge(self, taped: Sequence[Trade]) -> None:
        """Add those of the trades on the tape that are newer.

        The first one says so if others may be missing before it.
        """
        if not taped:
            return
        last_id = self.last_id
        if last_id is None:
            self._extend(taped)
            return
        places = [place for place, one in enumerate(taped) if one.id == last_id]
        if places:
            self._extend(taped[places[-1] + 1 :])
        elif self.find(taped[-1].id) is None:
            first, *others = taped[-TAPE_LENGTH:]
            self._extend([msgspec.structs.replace(first, after_gap=True), *others])

    def forget(self) -> None:
        """Be as new, because nobody watches."""
        self._trades.clear()
        self.is_loaded = False

    def _extend(self, trades: Sequence[Trade]) -> None:
        for one in trades:
            self.count += 1
            self._trades.append(one)
            if one.after_gap:
                self.last_gap = self.count
        if trades:
            for watcher in tuple(self.watchers):
                watcher.mark_changed()
