"""What a client is told of one instrument at one source: the ticker and its freshness at a moment, or why there is none."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from gateway.queries.freshness import Freshness, age_at, classify, expires_at, format_age_ms
from rates.clock import format_span_ms
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker


class Rate(msgspec.Struct, frozen=True):
    """A ticker as it stands `now`, with the time to live of its source."""

    ticker: Ticker
    ttl: timedelta
    now: datetime

    @property
    def id(self) -> str:
        """Stable over time: one instrument at one source."""
        return f"{self.ticker.source.name}:{self.ticker.symbol}"

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
    """Why something asked for is not answered."""

    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    NOT_YET_SEEN = "NOT_YET_SEEN"
    STALE = "STALE"
    NOT_TRADING = "NOT_TRADING"
    SOURCE_DOWN = "SOURCE_DOWN"


class UnavailableRate(msgspec.Struct, frozen=True):
    """A symbol that was asked for and is not answered; `source` is `None` where it is about all sources asked."""

    symbol: Symbol
    source: Source | None
    reason: UnavailableReason
    message: str


class RateList(msgspec.Struct, frozen=True):
    """Every rate that answers a question, everything that is missing, and up to where the cache had been read."""

    items: tuple[Rate, ...]
    unavailable: tuple[UnavailableRate, ...]
    cursor: str


TtlBySource = Mapping[Source, timedelta]
