"""A consensus as a client is told of it: the price, how well it is founded, and what became of every source."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.freshness import EXPIRED_AFTER_TTLS, Freshness, age_at, worst
from gateway.queries.price_basis import merged_price, price_basis
from gateway.queries.rate import Rate
from rates.source import Source

_MICROSECOND = timedelta(microseconds=1)


class ConsensusQuality(StrEnum):
    """How well a consensus is founded."""

    AGREED = "AGREED"
    DIVERGED = "DIVERGED"
    SINGLE_SOURCE = "SINGLE_SOURCE"
    INSUFFICIENT = "INSUFFICIENT"


class ExclusionReason(StrEnum):
    """Why a source is not in the price."""

    NOT_TRACKED = "NOT_TRACKED"
    NOT_TRADING = "NOT_TRADING"
    NOT_YET_SEEN = "NOT_YET_SEEN"
    STALE = "STALE"
    OUTLIER = "OUTLIER"
    NO_VOLUME = "NO_VOLUME"
    TOO_FEW_SOURCES = "TOO_FEW_SOURCES"


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one source. `weight` is its share of the price, `deviation_bps` its distance from it."""

    source: Source
    rate: Rate | None = None
    exclusion: ExclusionReason | None = None
    message: str | None = None
    weight: Decimal = Decimal(0)
    deviation_bps: Decimal | None = None

    @property
    def price(self) -> Decimal | None:
        """The price that counts of the rate: its last trade, or its mid."""
        return None if self.rate is None else merged_price(self.rate)

    @property
    def is_included(self) -> bool:
        return self.exclusion is None


class ConsensusRate(msgspec.Struct, frozen=True, kw_only=True):
    """The answer at the moment `now`; `price` is `None` where too few sources are left."""

    query: ConsensusQuery
    contributions: tuple[Contribution, ...]
    quality: ConsensusQuality
    now: datetime
    price: Decimal | None = None
    divergence_bps: Decimal | None = None

    @property
    def included(self) -> tuple[Rate, ...]:
        """The rates that the price is made of."""
        return tuple(each.rate for each in self.contributions if each.is_included and each.rate)

    @property
    def oldest(self) -> Rate | None:
        """The oldest of them: the price is no newer than that."""
        return min(self.included, key=lambda rate: rate.ticker.observed_at, default=None)

    @property
    def freshness(self) -> Freshness | None:
        """The worst of theirs: each is judged by the time to live of its own source."""
        return worst(rate.freshness for rate in self.included)

    @property
    def next_change_at(self) -> datetime | None:
        """The first moment at which the answer is another though nothing arrives."""
        return min(self._turns(), default=None)

    def same_answer(self, other: "ConsensusRate") -> bool:
        """Whether nothing but the ages of the same observations has changed."""
        return self.said == other.said

    def _turns(self) -> Iterator[datetime]:
        """What is left out as stale or for being unseen comes back by an arrival only."""
        for rate in self._fresh_enough():
            ticker, ttl, query = rate.ticker, rate.ttl, self.query
            for moment, limits in (
                (ticker.observed_at, (ttl, ttl * EXPIRED_AFTER_TTLS, query.max_age)),
                # The basis of the price changes when trade or quotes grow older than the TTL.
                (ticker.last_trade_at, (ttl, query.max_trade_age)),
                (ticker.quoted_at, (ttl,)),
            ):
                for limit in limits:
                    if moment is not None and limit is not None and age_at(rate.now, moment) <= limit:
                        yield moment + limit + _MICROSECOND

    def _fresh_enough(self) -> Iterator[Rate]:
        for each in self.contributions:
            if each.rate and each.exclusion is not ExclusionReason.STALE:
                yield each.rate

    @property
    def said(self) -> tuple[object, ...]:
        """All of it but the ages."""
        parts = tuple(
            (
                each.source,
                each.rate.ticker if each.rate else None,
                price_basis(each.rate) if each.rate else None,
                each.exclusion,
                each.weight,
            )
            for each in self.contributions
        )
        return self.quality, self.price, self.freshness, parts
