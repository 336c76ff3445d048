"""How long to wait between attempts: exponentially longer, with full jitter so that replicas do not come back at once."""

import random
from collections.abc import Callable
from datetime import timedelta

Jitter = Callable[[float, float], float]


class Backoff:
    """Waits between 0 and `first`, then twice that, up to `longest`; `reset` starts over."""

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
        """The wait before the next attempt."""
        # 2**16 times any first wait is beyond any longest one; unbounded, an outage of days would overflow.
        ceiling = min(self._longest, self._first * 2 ** min(self._attempts, 16))
        self._attempts += 1
        return timedelta(seconds=self._jitter(0.0, ceiling.total_seconds()))

    def reset(self) -> None:
        """Something went well: the next failure is the first again."""
        self._attempts = 0
