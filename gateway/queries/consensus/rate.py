"""The result of a consensus query.

The price, its quality, and the contribution of every source.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from gateway.queries.changes import change_times
from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.freshness import Freshness, worst
from gateway.queries.price_basis import merged_price, price_basis
from gateway.queries.rate import Rate
from gateway.queries.rate_at.rate_at import RateAt
from rates.source import Source


class ConsensusQuality(StrEnum):
    """The quality of a consensus: how many sources it has, and how well they agree."""

    AGREED = "AGREED"
    DIVERGED = "DIVERGED"
    SINGLE_SOURCE = "SINGLE_SOURCE"
    INSUFFICIENT = "INSUFFICIENT"


class ExclusionReason(StrEnum):
    """Reasons for leaving a source out of the price."""

    NOT_TRACKED = "NOT_TRACKED"
    NOT_TRADING = "NOT_TRADING"
    SUSPECT_IDENTITY = "SUSPECT_IDENTITY"
    UNREVIEWED = "UNREVIEWED"
    OTHER_ASSET = "OTHER_ASSET"
    NOT_YET_SEEN = "NOT_YET_SEEN"
    STALE = "STALE"
    OUTLIER = "OUTLIER"
    NO_VOLUME = "NO_VOLUME"
    TOO_FEW_SOURCES = "TOO_FEW_SOURCES"


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """The contribution of one source.

    `weight` is its share of the price, `deviation_bps` its distance from it. `rate_at`: the trade that `rate` is made of, at a time of the
    past.
    """

    source: Source
    rate: Rate | None = None
    exclusion: ExclusionReason | None = None
    message: str | None = None
    weight: Decimal = Decimal(0)
    deviation_bps: Decimal | None = None
    rate_at: RateAt | None = None

    @property
    def price(self) -> Decimal | None:
        """The price of the rate that counts: its last trade, or its mid."""
        return None if self.rate is None else merged_price(self.rate)

    @property
    def is_included(self) -> bool:
        return self.exclusion is None


class ConsensusRate(msgspec.Struct, frozen=True, kw_only=True):
    """The result at the moment `now`. `price` is `None` where too few sources are left."""

    query: ConsensusQuery
    contributions: tuple[Contribution, ...]
    quality: ConsensusQuality
    now: datetime
    price: Decimal | None = None
    divergence_bps: Decimal | None = None

    @property
    def included(self) -> tuple[Rate, ...]:
        """The rates that the price is computed from."""
        return tuple(each.rate for each in self.contributions if each.is_included and each.rate)

    @property
    def oldest(self) -> Rate | None:
        """The oldest included rate: the price is no newer than that."""
        return min(self.included, key=lambda rate: rate.ticker.observed_at, default=None)

    @property
    def freshness(self) -> Freshness | None:
        """The worst freshness of the included rates, each by the TTL of its own source."""
        return worst(rate.freshness for rate in self.included)

    @property
    def next_change_at(self) -> datetime | None:
        """The first moment at which the result changes although no ticker arrives; `None` for never."""
        query = self.query
        return min(
            (
                moment
                for each in self.contributions
                if each.rate
                for moment in change_times(each.rate, query.max_age, query.max_trade_age)
            ),
            default=None,
        )

    def same_answer(self, other: "ConsensusRate") -> bool:
        """Tell whether two results differ in nothing but the ages of the same observations."""
        return self.said == other.said

    @property
    def said(self) -> tuple[object, ...]:
        """Everything in the result except for the ages."""
        parts = tuple(
            (
                each.source,
                each.rate.ticker if each.rate else None,
                price_basis(each.rate) if each.rate else None,
                each.rate.freshness if each.rate else None,
                each.exclusion,
                # This message has the age in it.
                None if each.exclusion is ExclusionReason.STALE else each.message,
                each.weight,
            )
            for each in self.contributions
        )
        return self.quality, self.price, self.freshness, parts
