"""Rate limits per client over rolling windows.

Pure: time is an argument, and callers decide how to refuse.
"""

from collections import deque

from simulator.nanotime import SECOND
from simulator.per_client_lru import PerClientLru


class RollingLimit:
    """At most `limit` events in any window of `window_ns`, per client."""

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._times: PerClientLru[deque[int]] = PerClientLru()

    def retry_at(self, client: str, now_ns: int) -> int | None:
        """Count an event and return None, or return the time of the next allowed one."""
        times = self._times.get(client, deque(maxlen=self.limit))
        if len(times) == self.limit and times[0] > now_ns - self.window_ns:
            return times[0] + self.window_ns
        times.append(now_ns)
        return None


class TokenBucket:
    """A token bucket per client: a steady rate with bursts."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = int(SECOND / per_second)
        self._burst = burst
        self._full_at: PerClientLru[list[int]] = PerClientLru()

    def retry_at(self, client: str, now_ns: int) -> int | None:
        """Take a token and return None, or take none and return the time of the next one."""
        full_at = self._full_at.get(client, [now_ns])
        next_full = max(full_at[0], now_ns) + self._interval
        room = now_ns + self._burst * self._interval
        if next_full > room:
            return now_ns + next_full - room
        full_at[0] = next_full
        return None
