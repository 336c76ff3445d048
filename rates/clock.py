"""System clock and time conversion.

All other code takes a `Clock` or a datetime as an argument.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

Clock = Callable[[], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


utc_now: Clock = partial(datetime.now, UTC)
"""Current time as an aware UTC datetime."""


def format_us(moment: datetime) -> int:
    """Convert to microseconds since the Unix epoch, exactly (integer arithmetic only)."""
    return (moment - EPOCH) // _MICROSECOND


def parse_us(microseconds: int) -> datetime:
    """Convert microseconds since the Unix epoch to an aware UTC datetime.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    return EPOCH + timedelta(0, 0, microseconds)


def parse_ms(milliseconds: int) -> datetime:
    """Convert milliseconds since the Unix epoch to an aware UTC datetime.

    Raises:
        OverflowError: outside the years 1 to 9999.
    """
    return EPOCH + timedelta(milliseconds=milliseconds)


def format_span_ms(span: timedelta) -> int:
    """Convert a timedelta to whole milliseconds, rounded down."""
    return span // _MILLISECOND
