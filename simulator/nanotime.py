"""Time as the simulator counts it: integer nanoseconds since the Unix epoch, read in one place only."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

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


def iso_text(moment_ns: int) -> str:
    """`2020-02-01T01:40:16.253563Z`: microseconds, in UTC."""
    seconds, rest = divmod(moment_ns, SECOND)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
