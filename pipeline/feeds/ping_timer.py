"""When an application-level ping is due, for sources that speak their own kind. Pure: moments are arguments."""


class PingTimer:
    """Every `every` seconds one, the first so long after the connection was opened."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._next_at: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether to ping at `now` seconds; a ping that is due counts as sent."""
        if self._next_at is not None and now < self._next_at:
            return False
        first, self._next_at = self._next_at is None, now + self._every
        return not first
