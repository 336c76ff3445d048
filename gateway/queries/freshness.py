"""The policy on age: a value's age, and the freshness that follows from it.

Pure; time is an argument.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

EXPIRED_AFTER_TTLS = 10
_ZERO = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


class Freshness(StrEnum):
    """Freshness of a value by its age, from best to worst."""

    FRESH = "FRESH"
    STALE = "STALE"
    EXPIRED = "EXPIRED"

    @property
    def severity(self) -> int:
        """The rank of the freshness: 0 for FRESH, higher for worse."""
        return _SEVERITIES[self]


_SEVERITIES = {freshness: severity for severity, freshness in enumerate(Freshness)}


def worst(all_of: Iterable[Freshness]) -> Freshness | None:
    """Return the worst of several; `None` of none."""
    return max(all_of, key=_SEVERITIES.__getitem__, default=None)


def age_at(now: datetime, observed_at: datetime) -> timedelta:
    """Return the time since the observation; zero where the source's clock is ahead of ours."""
    return max(_ZERO, now - observed_at)


def classify(age: timedelta, ttl: timedelta) -> Freshness:
    """Return FRESH up to and including `ttl`, STALE past it, EXPIRED past ten times it."""
    if age <= ttl:
        return Freshness.FRESH
    return Freshness.STALE if age <= ttl * EXPIRED_AFTER_TTLS else Freshness.EXPIRED


def within(age: timedelta, max_age: timedelta) -> bool:
    """Tell whether a value of this age satisfies the limit; exactly `max_age` does."""
    return age <= max_age


def expires_at(observed_at: datetime, ttl: timedelta) -> datetime:
    """Return the last moment at which the value is FRESH."""
    return observed_at + ttl


def format_age_ms(age: timedelta) -> int:
    """Return the age in whole milliseconds, rounded up.

    The result is never younger than the age, and exceeds a limit of whole milliseconds exactly when the age does.
    """
    return -(-age // _MILLISECOND)
