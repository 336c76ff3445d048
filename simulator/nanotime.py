"""Time in the simulator: integer nanoseconds since the Unix epoch."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

NsClock = Callable[[], int]

MS = 1_000_000
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY_MS = 86_400_000


_STARTED_NS = time.time_ns() - time.monotonic_ns()


def now_ns() -> int:
    """The current time in nanoseconds since the Unix epoch.

    It runs on the monotonic clock: a market stands still for no step of the wall clock.
    """
    return _STARTED_NS + time.monotonic_ns()


def to_ms(time_ns: int) -> int:
    """A time in whole milliseconds, rounded down."""
    return time_ns // MS


def to_iso(time_ns: int) -> str:
    """Format a time as `2020-02-01T01:40:16.253563Z` (UTC, microseconds)."""
    seconds, rest = divmod(time_ns, SECOND)
    utc = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return utc.isoformat(timespec="microseconds").replace("+00:00", "Z")
