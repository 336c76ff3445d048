"""One instrument at one source as a client sees it.

The ticker with its freshness, or the reason for its absence.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from gateway.queries.freshness import Freshness, classify, expires_at
from rates.age import age_at, format_age_ms
from rates.clock import format_span_ms
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker


class Rate(msgspec.Struct, frozen=True):
    """A ticker as it stands at the moment `now`, with the TTL of its source."""

    ticker: Ticker
    ttl: timedelta
    now: datetime

    @property
    def age(self) -> timedelta:
        return age_at(self.now, self.ticker.observed_at)

    @property
    def trade_age(self) -> timedelta | None:
        """Time since the last trade; `None` where the source does not tell when that was."""
        traded_at = self.ticker.last_trade_at
        return None if traded_at is None else age_at(self.now, traded_at)

    @property
    def age_ms(self) -> int:
        return format_age_ms(self.age)

    @property
    def ttl_ms(self) -> int:
        return format_span_ms(self.ttl)

    @property
    def expires_at(self) -> datetime:
        return expires_at(self.ticker.observed_at, self.ttl)

    @property
    def freshness(self) -> Freshness:
        return classify(self.age, self.ttl)


class UnavailableReason(StrEnum):
    """Reasons why a requested rate is missing."""

    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    NOT_YET_SEEN = "NOT_YET_SEEN"
    STALE = "STALE"
    NOT_TRADING = "NOT_TRADING"
    SUSPECT_IDENTITY = "SUSPECT_IDENTITY"
    SOURCE_DOWN = "SOURCE_DOWN"


class UnavailableRate(msgspec.Struct, frozen=True):
    """A requested symbol without a rate.

    `source` is `None` where the reason concerns all requested sources.
    """

    symbol: Symbol
    source: Source | None
    reason: UnavailableReason
    message: str


class RateList(msgspec.Struct, frozen=True):
    """The rates that answer a query, the missing ones, and the cursor and time of the read."""

    items: tuple[Rate, ...]
    unavailable: tuple[UnavailableRate, ...]
    cursor: str
    sent_at: datetime


TtlBySource = Mapping[Source, timedelta]
