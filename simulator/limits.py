"""Limits in rolling windows, per client. Pure bookkeeping driven by explicit moments; who is refused how is for the callers."""

from collections import deque

from simulator.nanotime import SECOND
from simulator.per_client_lru import PerClientLru


class RollingLimit:
    """So many in any window of a length, per client."""

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._times: PerClientLru[deque[int]] = PerClientLru()

    def retry_at(self, client: str, now_ns: int) -> int | None:
        """Count one and answer None, or count none and say when there is room again."""
        times = self._times.get(client, deque(maxlen=self.limit))
        if len(times) == self.limit and times[0] > now_ns - self.window_ns:
            return times[0] + self.window_ns
        times.append(now_ns)
        return None


class TokenBucket:
    """A steady rate with bursts, per client."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = int(SECOND / per_second)
        self._burst = burst
        self._full_at: PerClientLru[list[int]] = PerClientLru()

    def retry_at(self, client: str, now_ns: int) -> int | None:
        """Take a token and answer None, or take none and say when there is one."""
        full_at = self._full_at.get(client, [now_ns])
        next_full = max(full_at[0], now_ns) + self._interval
        room = now_ns + self._burst * self._interval
        if next_full > room:
            return now_ns + next_full - room
        full_at[0] = next_full
        return None
