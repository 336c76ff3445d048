"""Ages of values. Pure; time is an argument."""

from datetime import datetime, timedelta

_ZERO = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


def age_at(now: datetime, observed_at: datetime) -> timedelta:
    """Return the time since the observation; zero where the source's clock is ahead of ours."""
    return max(_ZERO, now - observed_at)


def within(age: timedelta, max_age: timedelta) -> bool:
    """Tell whether a value of this age satisfies the limit; exactly `max_age` does."""
    return age <= max_age


def format_age_ms(age: timedelta) -> int:
    """Return the age in whole milliseconds, rounded up.

    The result is never younger than the age, and exceeds a limit of whole milliseconds exactly when the age does.
    """
    return -(-age // _MILLISECOND)
