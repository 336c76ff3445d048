"""A clock that runs on the monotonic clock: steps of the wall clock do not reach it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

Seconds = Callable[[], float]

# Linux's monotonic clock stands still while the machine is suspended, the boot-time clock does not.
elapsed_s: Seconds = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
# A smaller correction backwards is waited for; ages must be right after a larger one at once.
LONGEST_HOLD_S = 1.0

_from_timestamp = datetime.fromtimestamp


class SteadyClock:
    """A `Clock`: seconds of `elapsed`, plus an offset from the Unix epoch.

    It starts with the time of the wall clock. A correction backwards of up to `LONGEST_HOLD_S` makes it stand still until the time
    has caught up, so that it does not go backwards.
    """

    __slots__ = ("_elapsed", "_hold", "_offset_s")

    def __init__(self, *, elapsed: Seconds = elapsed_s, wall: Seconds = time.time) -> None:
        self._elapsed = elapsed
        self._offset_s = wall() - elapsed()
        # The time at which it stands still, until the corrected time is later.
        self._hold: datetime | None = None

    def __call__(self) -> datetime:
        now = _from_timestamp(self._elapsed() + self._offset_s, UTC)
        if self._hold is not None:
            if now < self._hold:
                return self._hold
            self._hold = None
        return now

    @property
    def offset_s(self) -> float:
        """Seconds since the Unix epoch at which `elapsed` was zero, by this clock."""
        return self._offset_s

    def adjust(self, offset_s: float) -> None:
        """Set the offset."""
        if offset_s < self._offset_s:
            self._hold = self() if offset_s >= self._offset_s - LONGEST_HOLD_S else None
        self._offset_s = offset_s
