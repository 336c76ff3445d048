"""A query of several consensuses, and its answer, as plain values."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from gateway.queries.consensus.query import ConsensusQuery, check_consensus
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.rate import UnavailableRate
from rates.errors import InvalidArgument
from rates.symbol import Symbol

# Each consensus is computed from the rates of all sources, in about 50 µs.
MAX_CONSENSUS_SYMBOLS = 200


class ConsensusRatesQuery(msgspec.Struct, frozen=True, cache_hash=True):
    """The consensuses that a client asks for, each symbol once.

    Hashed once, because every subscriber looks it up.
    """

    queries: tuple[ConsensusQuery, ...]

    @classmethod
    def of(cls, symbols: Iterable[Symbol], query: ConsensusQuery) -> "ConsensusRatesQuery":
        """The query of these symbols with the other arguments of `query`."""
        return cls(tuple(query._replace(symbol=symbol) for symbol in dict.fromkeys(symbols)))


class ConsensusRateList(msgspec.Struct, frozen=True):
    """The consensuses that answer a query at the moment `now`, and the symbols without one."""

    items: tuple[ConsensusRate, ...]
    unavailable: tuple[UnavailableRate, ...]
    now: datetime


def check_consensus_rates(query: ConsensusRatesQuery) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range, or there are no symbols, or too many.
    """
    count = len(query.queries)
    if not 1 <= count <= MAX_CONSENSUS_SYMBOLS:
        raise InvalidArgument.of_length("symbols", count, f"1 to {MAX_CONSENSUS_SYMBOLS} values")
    check_consensus(query.queries[0])
