"""A counter over a sliding window of one minute, in bounded memory. The time is an argument."""

from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
_BUCKET = timedelta(seconds=1)


class RollingMinuteCounter:
    """The sum of what was added during the last minute, accurate to one second."""

    def __init__(self) -> None:
        # At most one bucket per second: 61 buckets.
        self._buckets: deque[tuple[datetime, int]] = deque()

    def add(self, now: datetime, count: int) -> None:
        """Add `count`."""
        self._drop_expired(now)
        if self._buckets and now - self._buckets[-1][0] < _BUCKET:
            started, before = self._buckets.pop()
            self._buckets.append((started, before + count))
        else:
            self._buckets.append((now, count))

    def read(self, now: datetime) -> int:
        """The sum of the last minute."""
        self._drop_expired(now)
        return sum(count for _, count in self._buckets)

    def _drop_expired(self, now: datetime) -> None:
        while self._buckets and now - self._buckets[0][0] >= WINDOW:
            self._buckets.popleft()
