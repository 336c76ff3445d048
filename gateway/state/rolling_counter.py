"""Counts what arrives in a sliding window of one minute, in bounded memory. Time is an argument."""

from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
_BUCKET = timedelta(seconds=1)


class RollingMinuteCounter:
    """How much was added during the last minute, exact to a second."""

    def __init__(self) -> None:
        # At most one bucket a second, so 61 of them.
        self._buckets: deque[tuple[datetime, int]] = deque()

    def add(self, now: datetime, count: int) -> None:
        """Count `count` more."""
        self._forget(now)
        if self._buckets and now - self._buckets[-1][0] < _BUCKET:
            started, before = self._buckets.pop()
            self._buckets.append((started, before + count))
        else:
            self._buckets.append((now, count))

    def read(self, now: datetime) -> int:
        """The sum of the last minute."""
        self._forget(now)
        return sum(count for _, count in self._buckets)

    def _forget(self, now: datetime) -> None:
        while self._buckets and now - self._buckets[0][0] >= WINDOW:
            self._buckets.popleft()
