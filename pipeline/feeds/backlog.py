"""Detects a reader that is slower than its source. Pure.

A price that waits unread in the socket is late, and every later one waits longer. Three facts tell that from other causes of old
event times: even the newest event of each interval is late, it was not so when the connection was new (a source whose clock is
behind is late by a constant), and bytes wait unread each time (a quiet market, an old trade in a snapshot and a slow network leave
none).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from pipeline.feeds.protocol import FeedEvent, SymbolTrades
from rates.source import ObservedAtOrigin, Source
from rates.ticker import Ticker

# A process that was suspended for a while has a backlog, too, and has read it by then.
LASTS_FOR_S = 2.0


class BacklogDetector:
    """The lag of one connection.

    It is late if it is more than `max_lag` behind for `LASTS_FOR_S`, with unread bytes all the while.
    """

    def __init__(self, max_lag: timedelta) -> None:
        self._max_lag = max_lag
        # Of the newest event of the current interval: arrival minus event time.
        self._lag: timedelta | None = None
        self._least_lag: timedelta | None = None
        self._behind = timedelta()
        # The newest time that an event of the current interval told.
        self._newest: datetime | None = None
        self.sent_until: datetime | None = None
        """When the newest event of the last interval would have arrived with the least lag. `None` if none told its time."""
        self._late_since: float | None = None

    @property
    def behind(self) -> timedelta:
        """The lag of the last check over that of the new connection."""
        return max(self._behind, timedelta())

    def on_events(self, events: Iterable[FeedEvent], received_at: datetime) -> None:
        """Record events that were read at `received_at`."""
        observed_at: datetime | None = None
        for event in events:
            if isinstance(event, Ticker):
                if event.observed_at_origin is ObservedAtOrigin.SOURCE and (
                    observed_at is None or event.observed_at > observed_at
                ):
                    observed_at = event.observed_at
            elif isinstance(event, SymbolTrades):
                for trade in event.trades:
                    self._note(trade.time)
        if observed_at is not None:
            self._note(observed_at)
            lag = received_at - observed_at
            if self._lag is None or lag < self._lag:
                self._lag = lag

    def check(self, now: float, unread_bytes: int) -> timedelta | None:
        """End an interval at `now`, in monotonic seconds.

        Returns how far the connection is behind, if it is late.
        """
        if self._lag is not None:
            self._least_lag = self._lag if self._least_lag is None else min(self._least_lag, self._lag)
            self._behind = self._lag - self._least_lag
            self._lag = None
        newest, self._newest = self._newest, None
        self.sent_until = None
        if newest is not None and self._least_lag is not None:
            self.sent_until = newest + self._least_lag
        if unread_bytes == 0 or self._behind <= self._max_lag:
            self._late_since = None
            return None
        if self._late_since is None:
            self._late_since = now
        return self._behind if now - self._late_since >= LASTS_FOR_S else None

    def _note(self, time: datetime) -> None:
        if self._newest is None or time > self._newest:
            self._newest = time


class DroppedBacklog(msgspec.Struct, frozen=True):
    """Lag and unread bytes of a connection when it was ended.

    The bytes are those that had reached this machine; the source may hold more.
    """

    behind: timedelta
    unread_bytes: int


class DroppedBacklogs:
    """The backlogs that one shard dropped.

    The shard has settled once it has kept up for `settles_after_s`.
    """

    def __init__(self, settles_after_s: float) -> None:
        self._settles_after_s = settles_after_s
        self._dropped_at: float | None = None
        self._count = 0
        self._unread_bytes = 0

    def record(self, dropped: DroppedBacklog, source: Source, now: float) -> str:
        """Count a dropped backlog, and describe it with all before it."""
        self._dropped_at = now
        self._count += 1
        self._unread_bytes += dropped.unread_bytes
        times = "once" if self._count == 1 else f"{self._count} times"
        return (
            f"this process reads slower than {source.name} sends: {dropped.behind.total_seconds():.0f} s behind, dropped the "
            f"backlog ({times} since the start, at least {self._unread_bytes:,} bytes)"
        )

    def has_settled(self, now: float) -> bool:
        """Return whether the shard has kept up since the last one. True once for each."""
        if self._dropped_at is None or now - self._dropped_at < self._settles_after_s:
            return False
        self._dropped_at = None
        return True
