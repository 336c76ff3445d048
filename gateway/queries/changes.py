"""The moments at which time alone changes what an answer says of a rate. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from gateway.queries.freshness import EXPIRED_AFTER_TTLS
from gateway.queries.rate import Rate
from rates.age import age_at

_MICROSECOND = timedelta(microseconds=1)


def change_times(
    rate: Rate, max_age: timedelta | None, max_trade_age: timedelta | None
) -> Iterator[datetime]:
    """Yield the coming moments at which freshness, price basis or an age limit change."""
    ticker, ttl = rate.ticker, rate.ttl
    for moment, limits in (
        (ticker.observed_at, (ttl, ttl * EXPIRED_AFTER_TTLS, max_age)),
        # The basis of the price changes when trade or quotes grow older than the TTL.
        (ticker.last_trade_at, (ttl, max_trade_age)),
        (ticker.quoted_at, (ttl,)),
    ):
        for limit in limits:
            if moment is not None and limit is not None and age_at(rate.now, moment) <= limit:
                yield moment + limit + _MICROSECOND


def overtake_times(best: Rate, others: Sequence[Rate]) -> Iterator[datetime]:
    """Yield the coming moments at which another rate has used less of its TTL than `best`."""
    for each in (best, *others):
        if each.ticker.observed_at > each.now:
            # Its age stays at zero until then.
            yield each.ticker.observed_at + _MICROSECOND
    for other in others:
        if other.ttl > best.ttl:
            lead = (other.age // _MICROSECOND) * (best.ttl // _MICROSECOND)
            lead -= (best.age // _MICROSECOND) * (other.ttl // _MICROSECOND)
            yield best.now + _MICROSECOND * (max(0, lead // ((other.ttl - best.ttl) // _MICROSECOND)) + 1)
