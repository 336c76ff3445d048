"""What clients ask about rates, as plain values, and which of several rates that asks for."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from gateway.queries.freshness import within
from gateway.queries.rate import Rate
from rates.source import Source
from rates.symbol import Symbol


class OnStale(StrEnum):
    """What a client wants where nothing is as fresh as it asked."""

    RETURN = "RETURN"
    NULL = "NULL"
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
        """The oldest age that will do for a source with this time to live."""
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
    """What `rates` asks for; `None` for all that is tracked. Looked up for every answer, so it is hashed once."""

    symbols: tuple[Symbol, ...] | None = None
    sources: tuple[Source, ...] | None = None


def pick_rate(rates: Iterable[Rate], policy: FreshnessPolicy) -> Rate | None:
    """The first rate that meets the demand, else the one that has used up least of its time to live; `None` of none."""
    late: list[Rate] = []
    for rate in rates:
        if policy.allows(rate):
            return rate
        late.append(rate)
    return min(late, key=lambda rate: rate.age / rate.ttl, default=None)
