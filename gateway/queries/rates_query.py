"""The arguments of rate queries, as plain values, and the choice among several rates."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from gateway.queries.rate import Rate
from rates.age import within
from rates.source import Source
from rates.symbol import Symbol


class OnStale(StrEnum):
    """Answers where no rate satisfies the freshness policy."""

    RETURN = "RETURN"
    OMIT = "OMIT"
    ERROR = "ERROR"


class FreshnessPolicy(NamedTuple):
    """The required freshness of an answer, and what is answered where a rate fails it.

    `max_age` is `None` for the source's own TTL. With `max_trade_age` the last trade must be that recent too; a rate
    whose source does not tell when that was fails it.
    """

    max_age: timedelta | None = None
    on_stale: OnStale = OnStale.RETURN
    max_trade_age: timedelta | None = None

    def limit(self, ttl: timedelta) -> timedelta:
        """Return the largest age allowed for a source with this TTL."""
        return ttl if self.max_age is None else self.max_age

    def allows(self, rate: Rate) -> bool:
        """Tell whether the rate is as fresh as asked."""
        if not within(rate.age, self.limit(rate.ttl)):
            return False
        if self.max_trade_age is None:
            return True
        return rate.trade_age is not None and within(rate.trade_age, self.max_trade_age)


ANY_AGE = FreshnessPolicy()


class RatesQuery(msgspec.Struct, frozen=True, cache_hash=True):
    """The arguments of `rates`; `None` for all that is tracked.

    Hashed once, because every answer looks it up.
    """

    symbols: tuple[Symbol, ...] | None = None
    sources: tuple[Source, ...] | None = None


def pick_rate(rates: Iterable[Rate], policy: FreshnessPolicy) -> Rate | None:
    """Return the first rate that satisfies the policy, else the freshest relative to its TTL.

    `None` of none.
    """
    late: list[Rate] = []
    for rate in rates:
        if policy.allows(rate):
            return rate
        late.append(rate)
    return min(late, key=lambda rate: rate.age / rate.ttl, default=None)
