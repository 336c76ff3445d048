"""Until when everything that arrived on a connection was read. Pure.

A process that had to wait for its turn reads a message long after it arrived, with others behind it. So the moment at which it reads
one says nothing of those: what counts is a moment at which nothing waited, or the time that the newest event itself tells.
"""

from datetime import datetime, timedelta


class ReadProgress:
    """The progress of one connection, checked from time to time."""

    def __init__(self) -> None:
        self.until: datetime | None = None
        """Until then everything that arrived was read. `None` before the first check after a message."""
        self._last_read_at: datetime | None = None

    def on_message(self, at: datetime) -> None:
        """Record that a message, or the answer to a ping, was read at `at`."""
        self._last_read_at = at

    def check(self, unread_bytes: int, behind: timedelta, sent_until: datetime | None) -> None:
        """Record what waits unread.

        `behind`: the lag over that of the new connection. `sent_until`: when the newest event that was read would have arrived
        without that lag; `None` if no event since the last check told its time.
        """
        if self._last_read_at is None:
            return
        until = self._last_read_at - behind
        if unread_bytes:
            if sent_until is None:
                return
            until = min(until, sent_until)
        if self.until is None or until > self.until:
            self.until = until
