"""The trades of one instrument in order.

Which are new, and what the ids prove about those in between. Pure.

A source that numbers its trades proves completeness: between two trades with following numbers there is no third. Redundant
connections, roll-overs and snapshots repeat trades; each is taken once.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from history.trade import Trade

# Ids that are remembered of a source without numbers. A repetition comes within seconds, from the connection that replaces another.
REMEMBERED_IDS = 4096
# Missing numbers that are waited for. More of them at once will not come.
MAX_AWAITED = 1024
# Trades are milliseconds out of order. A lower number that is later than this begins a new count.
RESTARTED_AFTER = timedelta(seconds=1)


class Continuity(Enum):
    """The relation of a trade to those before it."""

    REPEATED = "it was taken before"
    FIRST = "none was before it"
    NEXT = "none is between it and the last one, or the source has no numbers"
    SKIPPED = "some are missing between it and the last one"
    LATE = "it was missing"
    RESTARTED = "the source counts anew, so that the ids prove nothing about the time between"


@dataclass(slots=True, eq=False)
class Hole:
    """Missing trades between two others, at `since` and `until`. `count` of them have not come."""

    since: datetime
    until: datetime
    count: int


class TradeChain:
    """The trades of one instrument.

    `last_id`, `last_at`: of the trade with the highest number, or of the last one without.

    Begins after a trade that is known from an earlier process, if one is given.
    """

    def __init__(self, last_id: int | str | None = None, last_at: datetime | None = None) -> None:
        self.last_id, self.last_at = last_id, last_at
        self._missing: dict[int, Hole] = {}
        self._holes: list[Hole] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        if isinstance(last_id, str):
            self._seen[last_id] = None

    @property
    def holes(self) -> list[Hole]:
        """Missing trades that may still come."""
        return self._holes

    def take(self, trade: Trade) -> Continuity:
        """Return how a trade follows, and record it."""
        number = trade.id
        if isinstance(number, str):
            return self._take_unnumbered(number, trade.time)
        last, last_at = self.last_id, self.last_at
        if not isinstance(last, int) or last_at is None:
            self.last_id, self.last_at = number, trade.time
            return Continuity.FIRST
        first = number - trade.count + 1
        if first == last + 1:
            self.last_id, self.last_at = number, trade.time
            return Continuity.NEXT
        if first > last:
            self._await(last + 1, first, last_at, trade.time)
            self.last_id, self.last_at = number, trade.time
            return Continuity.SKIPPED
        return self._take_lower(trade, number, last, last_at)

    def take_following(self, trades: Sequence[Trade]) -> None:
        """Record trades with following numbers, of which the first one follows the last one so far."""
        self.last_id, self.last_at = trades[-1].id, trades[-1].time

    def give_up(self) -> list[Hole]:
        """Stop waiting for missing trades. Returns the holes that they leave."""
        holes, self._holes = self._holes, []
        self._missing.clear()
        return holes

    def _take_lower(self, trade: Trade, number: int, last: int, last_at: datetime) -> Continuity:
        if number in self._missing:
            for each in range(number - trade.count + 1, number + 1):
                self._fill(each)
            return Continuity.LATE
        if trade.time - last_at > RESTARTED_AFTER:
            self.last_id, self.last_at = number, trade.time
            return Continuity.RESTARTED
        if number > last:
            # It sums up trades that were taken and others that were not, which cannot be told apart.
            self._await(last + 1, number + 1, last_at, trade.time)
            self.last_id = number
        return Continuity.REPEATED

    def _take_unnumbered(self, name: str, time: datetime) -> Continuity:
        if name in self._seen:
            return Continuity.REPEATED
        is_first = not self._seen
        self._seen[name] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        self.last_id, self.last_at = name, time
        return Continuity.FIRST if is_first else Continuity.NEXT

    def _await(self, start: int, end: int, since: datetime, until: datetime) -> None:
        hole = Hole(since, until, end - start)
        self._holes.append(hole)
        if len(self._missing) + hole.count <= MAX_AWAITED:
            self._missing.update(dict.fromkeys(range(start, end), hole))

    def _fill(self, number: int) -> None:
        hole = self._missing.pop(number, None)
        if hole is not None:
            hole.count -= 1
            if not hole.count:
                self._holes.remove(hole)
