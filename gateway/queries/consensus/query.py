"""The arguments of a consensus query, as a plain value, and their validation."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from gateway.queries.rates_query import FreshnessPolicy
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol

MIN_SOURCES = 2
MAX_SOURCES = 100
MAX_DEVIATION_BPS = Decimal(50)
BPS = 10_000


class ConsensusMethod(StrEnum):
    """Methods of computing one price from several."""

    MEDIAN = "MEDIAN"
    VWAP = "VWAP"


class ConsensusQuery(NamedTuple):
    """A consensus that a client asks for.

    `max_age` is `None` for each source's own TTL, `max_trade_age` for any; `sources` is `None` for all that track the symbol. `at`: a
    time of the past, of the last trades known then; `None` for now.
    """

    symbol: Symbol
    method: ConsensusMethod = ConsensusMethod.MEDIAN
    min_sources: int = MIN_SOURCES
    max_age: timedelta | None = None
    max_deviation_bps: Decimal = MAX_DEVIATION_BPS
    sources: tuple[Source, ...] | None = None
    max_trade_age: timedelta | None = None
    at: datetime | None = None

    @property
    def policy(self) -> FreshnessPolicy:
        """The freshness that a rate needs to count."""
        return FreshnessPolicy(self.max_age, max_trade_age=self.max_trade_age)


def check_consensus(query: ConsensusQuery) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if not 1 <= query.min_sources <= MAX_SOURCES:
        raise InvalidArgument("minSources", query.min_sources, f"1 to {MAX_SOURCES}")
    bps = query.max_deviation_bps
    if not (bps.is_finite() and 0 <= bps <= BPS):
        raise InvalidArgument("maxDeviationBps", bps, f"0 to {BPS}")
    if query.at is not None and query.method is ConsensusMethod.VWAP:
        raise InvalidArgument(
            "method", query.method.value, "MEDIAN with `at`: volumes of that time are not known"
        )
