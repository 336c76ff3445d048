"""The arguments of a query for consensus candles, as a plain value, and their validation."""

from datetime import datetime
from typing import NamedTuple

from gateway.queries.candles.query import DEFAULT_CANDLES, CandlesQuery, check_candles
from gateway.queries.consensus.query import MAX_SOURCES, MIN_SOURCES, ConsensusMethod
from history.interval import Interval
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol

MAX_CONSENSUS_CANDLES = 500


class ConsensusCandlesQuery(NamedTuple):
    """The newest `last` candles that begin between `start` and `end`.

    Each has prices if at least `min_sources` sources have a trade in it.
    """

    symbol: Symbol
    interval: Interval
    method: ConsensusMethod = ConsensusMethod.MEDIAN
    min_sources: int = MIN_SOURCES
    start: datetime | None = None
    end: datetime | None = None
    last: int = DEFAULT_CANDLES

    def of_source(self, source: Source) -> CandlesQuery:
        """Return the query for the candles of one source."""
        return CandlesQuery(
            self.symbol, self.interval, source, start=self.start, end=self.end, last=self.last
        )


def check_consensus_candles(query: ConsensusCandlesQuery, now: datetime) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if not 1 <= query.last <= MAX_CONSENSUS_CANDLES:
        raise InvalidArgument("last", query.last, f"1 to {MAX_CONSENSUS_CANDLES}")
    if not 1 <= query.min_sources <= MAX_SOURCES:
        raise InvalidArgument("minSources", query.min_sources, f"1 to {MAX_SOURCES}")
    check_candles(CandlesQuery(query.symbol, query.interval, start=query.start, end=query.end), now)
