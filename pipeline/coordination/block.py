"""A span without calls, which a step of the clock does not lengthen. Pure."""

from datetime import datetime, timedelta

from rates.clock import EPOCH


class Block:
    """A time before which nothing is called.

    If it is later than its span from now, the clock has stepped back since, and it counts from now.
    """

    def __init__(self) -> None:
        self._until, self._span = EPOCH, timedelta()

    def until(self, now: datetime) -> datetime:
        """Return its end; a time in the past without one."""
        self._until = min(self._until, now + self._span)
        return self._until

    def extend(self, span: timedelta, now: datetime) -> None:
        """Block for a span from now; a later end stays."""
        if now + span > self.until(now):
            self._until, self._span = now + span, span
