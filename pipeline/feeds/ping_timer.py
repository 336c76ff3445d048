"""Timer of application-level pings, for sources with pings of their own.

Pure; time is an argument.
"""


class PingTimer:
    """Fires every `interval_s` seconds, first that long after the connection was opened."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_at: float | None = None

    def poll(self, now: float) -> bool:
        """Return whether a ping is due at `now`. A ping that is due counts as sent."""
        if self._next_at is not None and now < self._next_at:
            return False
        is_first, self._next_at = self._next_at is None, now + self._interval_s
        return not is_first
