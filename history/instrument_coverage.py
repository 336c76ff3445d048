"""Proves which times of one instrument were received completely. Pure.

A time is covered from the moment on at which the source confirmed the subscription, until the last message that was read. Trade
numbers prove more: that nothing was missed while there was no connection, or that something was missed although there was one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

import msgspec

from history.coverage import GapReason
from history.trade import Trade
from history.trade_chain import Continuity, TradeChain

# A trade reaches us within this time, after everything that the source sent before. Covers clocks that differ and slow networks.
SETTLE = timedelta(seconds=1)
# Time that missing trades have to come, from another connection.
HOLE_WAIT = timedelta(seconds=2)
# A span whose connection says nothing for this long has ended. Longer than the pings of all sources are apart.
STALLED_AFTER = timedelta(seconds=30)
_RESOLUTION = timedelta(microseconds=1)


class CoverageStart(msgspec.Struct, frozen=True):
    """From `at` on every trade is recorded, until an end is.

    It may be before the end that was recorded last.
    """

    at: datetime


class CoverageEnd(msgspec.Struct, frozen=True):
    """From `at` on trades may be missing. It may be before times that counted as covered."""

    at: datetime
    reason: GapReason


CoverageEvent = CoverageStart | CoverageEnd


class _State(Enum):
    LOST = auto()
    """No connection delivers it."""
    LIVE = auto()
    """Subscribed, but nothing is proved yet."""
    COVERED = auto()


class InstrumentCoverage:
    """`through`: until when every trade has arrived, while covered.

    `events`: what happened since they were taken.

    `whole_from`: since when the numbers of `chain` are whole, if it is that of an earlier process.
    """

    def __init__(self, chain: TradeChain, whole_from: datetime | None = None) -> None:
        self._chain = chain
        self._whole_from = whole_from
        self._state = _State.LOST
        self.is_fresh = True
        """Whether no trade was taken since its trades are received."""
        self._live_from: datetime | None = None
        self._chain_from: datetime | None = None
        self._hole_found_at: datetime | None = None
        self.span_start: datetime | None = None
        self.through: datetime | None = None
        self.events: list[CoverageEvent] = []

    @property
    def is_covered(self) -> bool:
        return self._state is _State.COVERED

    @property
    def whole_from(self) -> datetime | None:
        """Since when no number is missing up to the last trade. `None` if that is unknown."""
        return self.span_start if self.span_start is not None else self._whole_from

    @property
    def next_id(self) -> int | None:
        """The number of the trade of which nothing has to be decided. `None` if there is none."""
        last = self._chain.last_id
        return None if self.is_fresh or not isinstance(last, int) else last + 1

    def take_following(self, trades: Sequence[Trade]) -> None:
        """Record single trades with following numbers, of which the first one has `next_id`."""
        self._chain.take_following(trades)

    def take(self, trade: Trade, received_at: datetime) -> Continuity:
        """Record a trade in the chain, and what it proves."""
        before_at = self._chain.last_at
        continuity = self._chain.take(trade)
        if continuity is Continuity.REPEATED or (continuity is Continuity.NEXT and not self.is_fresh):
            return continuity
        if self.is_fresh:
            self._on_first(trade, continuity)
        elif continuity is Continuity.SKIPPED and self._hole_found_at is None:
            self._hole_found_at = received_at
        elif continuity is Continuity.RESTARTED and before_at is not None:
            self._chain.give_up()
            self._break(before_at, trade.time + _RESOLUTION, GapReason.DISCONNECTED)
        if self._hole_found_at is not None and not self._chain.holes:
            self._hole_found_at = None
        return continuity

    def confirm(self, read_until: datetime) -> None:
        """Record that the subscription stands, and that all that came until `read_until` was read."""
        if self._state is _State.LOST:
            self._state, self._live_from = _State.LIVE, read_until + SETTLE
        through = read_until - SETTLE
        if self._hole_found_at is not None:
            if read_until - self._hole_found_at <= HOLE_WAIT:
                return
            self._give_up_holes()
        if self._state is _State.LIVE and self._live_from is not None:
            start = min(self._live_from, self._chain_from or self._live_from)
            if start > through:
                return
            self._begin(start)
        self._prove(through)

    def end(self, reason: GapReason) -> None:
        """Record that its trades are not received any more."""
        if self._state is _State.COVERED and self.through is not None:
            self._prove(self.through)
            self.events.append(CoverageEnd(self.through, reason))
        self._whole_from = None if reason is GapReason.REFUSED else self.whole_from
        self._chain.give_up()
        self._state, self.is_fresh = _State.LOST, True
        self._live_from = self._chain_from = self._hole_found_at = self.span_start = None

    def _on_first(self, trade: Trade, continuity: Continuity) -> None:
        """Record the first trade of a connection, after those of an earlier one."""
        self.is_fresh = False
        if continuity is Continuity.LATE:
            # A part of a snapshot. The next trade tells.
            self.is_fresh = True
            return
        # The ones that are missing were made before this connection.
        self._chain.give_up()
        chain_from = trade.time + _RESOLUTION
        if continuity is Continuity.NEXT and isinstance(trade.id, int) and self._whole_from is not None:
            chain_from = self._whole_from
        self._chain_from = self._whole_from = chain_from
        if self._state is _State.COVERED and self.span_start is not None and chain_from < self.span_start:
            self._begin(chain_from)

    def _prove(self, through: datetime) -> None:
        """Move `through` up to the last trade if its number shows that none is missing."""
        chain = self._chain
        if isinstance(chain.last_id, int) and chain.last_at is not None and not chain.holes:
            through = max(through, chain.last_at)
        if self.through is None or through > self.through:
            self.through = through

    def _begin(self, start: datetime) -> None:
        self._state, self.span_start = _State.COVERED, start
        self.events.append(CoverageStart(start))

    def _give_up_holes(self) -> None:
        self._hole_found_at = None
        for hole in self._chain.give_up():
            self._break(hole.since, hole.until + _RESOLUTION, GapReason.DISCONNECTED)

    def _break(self, end: datetime, start: datetime, reason: GapReason) -> None:
        """Leave out the time between `end` and `start`."""
        if self._state is _State.COVERED and self.span_start is not None:
            self.events.append(CoverageEnd(max(end, self.span_start), reason))
            self._begin(max(start, self.span_start))
        else:
            self._chain_from = self._whole_from = start
            self._live_from = None if self._live_from is None else max(self._live_from, start)
