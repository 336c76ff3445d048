"""Limits events within sliding windows, in this process alone.

Pure; times are monotonic seconds.
"""

from collections import deque
from collections.abc import Sequence

from pipeline.coordination.call_limits import CallLimits


class SlidingWindowLimiter:
    """Allows at most `calls` events in each of several windows."""

    def __init__(self, limits: Sequence[CallLimits]) -> None:
        self._limits = limits
        self._times: deque[float] = deque(maxlen=max(limit.calls for limit in limits))

    def delay_s(self, now: float) -> float:
        """Return the seconds until the next event is allowed, 0 if it is allowed now."""
        delays = (
            self._times[-limit.calls] + limit.window.total_seconds() - now
            for limit in self._limits
            if len(self._times) >= limit.calls
        )
        return max((0.0, *delays))

    def record(self, now: float) -> None:
        """Count one event."""
        self._times.append(now)
