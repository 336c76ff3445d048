"""How often connections may be tried, counted by this process alone. Pure; times are seconds of a steady clock."""

from collections import deque
from collections.abc import Sequence

from pipeline.coordination.call_limits import CallLimits


class SlidingWindowLimiter:
    """At most so many in each of several windows."""

    def __init__(self, limits: Sequence[CallLimits]) -> None:
        self._limits = limits
        self._times: deque[float] = deque(maxlen=max(limit.calls for limit in limits))

    def delay_s(self, now: float) -> float:
        """Seconds until one more is allowed; 0 where it is now."""
        waits = (
            self._times[-limit.calls] + limit.window.total_seconds() - now
            for limit in self._limits
            if len(self._times) >= limit.calls
        )
        return max((0.0, *waits))

    def record(self, now: float) -> None:
        """One was made."""
        self._times.append(now)
