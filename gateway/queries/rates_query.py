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
    """How fresh an answer must be, `None` for the source's own time to live, and what becomes of one that is not."""

    max_age: timedelta | None = None
    on_stale: OnStale = OnStale.RETURN

    def limit(self, ttl: timedelta) -> timedelta:
        """The oldest age that will do for a source with this time to live."""
        return ttl if self.max_age is None else self.max_age

    def allows(self, rate: Rate) -> bool:
        """Whether the rate is as fresh as asked."""
        return within(rate.age, self.limit(rate.ttl))


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
