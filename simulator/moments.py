"""Time as the simulator counts it: integer nanoseconds since the Unix epoch, read in one place only."""

import time
from collections.abc import Callable

NsClock = Callable[[], int]

MS = 1_000_000
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
DAY_MS = 86_400_000


def now_ns() -> int:
    """The present moment in nanoseconds since the Unix epoch."""
    return time.time_ns()


def to_ms(moment_ns: int) -> int:
    """Whole milliseconds of a moment, rounded down."""
    return moment_ns // MS
