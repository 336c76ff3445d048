"""The one place where time is read. Everything else takes a `Clock` or a moment as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def format_us(moment: datetime) -> int:
    """Microseconds since the Unix epoch, exact (no float on the way)."""
    return (moment - EPOCH) // _MICROSECOND


def parse_us(microseconds: int) -> datetime:
    """The aware UTC moment so many microseconds after the Unix epoch.

    Raises:
        OverflowError: beyond the years 1 to 9999.
    """
    return EPOCH + timedelta(microseconds=microseconds)


def parse_ms(milliseconds: int) -> datetime:
    """The aware UTC moment so many milliseconds after the Unix epoch.

    Raises:
        OverflowError: beyond the years 1 to 9999.
    """
    return EPOCH + timedelta(milliseconds=milliseconds)


def format_span_ms(span: timedelta) -> int:
    """Whole milliseconds of a time span, rounded down."""
    return span // _MILLISECOND
