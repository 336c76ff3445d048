"""The policy on age: the freshness that follows from it. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

EXPIRED_AFTER_TTLS = 10


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


def classify(age: timedelta, ttl: timedelta) -> Freshness:
    """Return FRESH up to and including `ttl`, STALE past it, EXPIRED past ten times it."""
    if age <= ttl:
        return Freshness.FRESH
    return Freshness.STALE if age <= ttl * EXPIRED_AFTER_TTLS else Freshness.EXPIRED


def expires_at(observed_at: datetime, ttl: timedelta) -> datetime:
    """Return the last moment at which the value is FRESH."""
    return observed_at + ttl
