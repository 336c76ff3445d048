"""Exponential backoff with full jitter.

Replicas that failed together do not retry together.
"""

import random
from collections.abc import Callable
from datetime import timedelta

Jitter = Callable[[float, float], float]


class Backoff:
    """Random waits between 0 and a ceiling that starts at `first` and doubles up to `longest`."""

    def __init__(
        self,
        first: timedelta,
        longest: timedelta,
        *,
        jitter: Jitter = random.uniform,
    ) -> None:
        self._first, self._longest, self._jitter = first, longest, jitter
        self._attempts = 0

    def next_wait(self) -> timedelta:
        """Return the wait before the next attempt, and double the ceiling for the one after it."""
        # 2**16 times any first wait exceeds any longest one. Unbounded, an outage of days would overflow.
        ceiling = min(self._longest, self._first * 2 ** min(self._attempts, 16))
        self._attempts += 1
        return timedelta(seconds=self._jitter(0.0, ceiling.total_seconds()))

    def reset(self) -> None:
        """Start again at `first`, after a success."""
        self._attempts = 0
