"""Waits after blocks and server errors, so that they do not use up the call budget.

A firewall or a broken server answers the next call like the last one. Each replica waits for itself and keeps its own error,
because a cooldown shared with the others would show them as rate limited.
"""

from datetime import timedelta

from pipeline.coordination.block import Block
from rates.clock import Clock
from rates.errors import SourceError

# 1, 2 and 5 minutes with the default setting.
STEPS = (1, 2, 5)


class FailureBackoff:
    """Raises the last error again until the wait after it is over."""

    def __init__(self, first: timedelta, clock: Clock) -> None:
        self._first, self._clock = first, clock
        self._failures = 0
        self._wait = Block()
        self._error: SourceError | None = None

    def check(self) -> None:
        """Check that a call is due.

        Raises:
            SourceError: the last error, while its wait lasts.
        """
        now = self._clock()
        if self._error is not None and now < self._wait.until(now):
            # Without the traceback of earlier raises, which would grow with each.
            raise self._error.with_traceback(None)

    def record_failure(self, error: SourceError, retry_after: timedelta | None) -> timedelta:
        """Start the next wait, at least as long as the source asks for, and return it."""
        wait = self._first * STEPS[min(self._failures, len(STEPS) - 1)]
        wait = max(wait, retry_after or timedelta())
        self._failures += 1
        self._wait, self._error = Block(), error
        self._wait.extend(wait, self._clock())
        return wait

    def reset(self) -> None:
        """Start again at the first wait, after a success."""
        self._failures, self._error = 0, None
