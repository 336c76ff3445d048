"""The one policy on age: how old a value is and what that makes it. Pure; time is an argument."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

EXPIRED_AFTER_TTLS = 10
_ZERO = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


class Freshness(StrEnum):
    """What the age of a value makes it, from best to worst."""

    FRESH = "FRESH"
    STALE = "STALE"
    EXPIRED = "EXPIRED"

    @property
    def severity(self) -> int:
        """How bad it is: 0 for FRESH, more for what is worse."""
        return _SEVERITIES[self]


_SEVERITIES = {freshness: severity for severity, freshness in enumerate(Freshness)}


def worst(all_of: Iterable[Freshness]) -> Freshness | None:
    """The worst of them; `None` of none."""
    return max(all_of, key=_SEVERITIES.__getitem__, default=None)


def age_at(now: datetime, observed_at: datetime) -> timedelta:
    """Time since the observation; zero where the source's clock is ahead of ours."""
    return max(_ZERO, now - observed_at)


def classify(age: timedelta, ttl: timedelta) -> Freshness:
    """FRESH up to and including `ttl`, STALE past it, EXPIRED past ten times it."""
    if age <= ttl:
        return Freshness.FRESH
    return Freshness.STALE if age <= ttl * EXPIRED_AFTER_TTLS else Freshness.EXPIRED


def within(age: timedelta, max_age: timedelta) -> bool:
    """Whether a value of this age satisfies the demand; exactly `max_age` does."""
    return age <= max_age


def expires_at(observed_at: datetime, ttl: timedelta) -> datetime:
    """The last moment at which the value is FRESH."""
    return observed_at + ttl


def format_age_ms(age: timedelta) -> int:
    """Whole milliseconds, rounded up: never younger than it is, and above a limit of whole milliseconds exactly when past it."""
    return -(-age // _MILLISECOND)
