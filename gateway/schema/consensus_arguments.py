"""The arguments of consensuses, with their descriptions and their parsing."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery, check_consensus
from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import UNSET, given_all, none_if_unset, read_policy
from rates.source import Source
from rates.symbol import Symbol

_ANY_SYMBOL = Symbol("", "")

Method = Annotated[ConsensusMethod, strawberry.argument(description="The method that computes the price.")]
MinSources = Annotated[
    int,
    strawberry.argument(
        description="The minimum number of sources in the price, 1 to 100. With fewer usable sources there is no price, and `quality` is "
        "INSUFFICIENT."
    ),
]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="The largest age in milliseconds of a usable rate. Default: the TTL of each source."
    ),
]
MaxDeviationBps = Annotated[
    float,
    strawberry.argument(
        description="The largest deviation from the consensus in basis points (1/100 %) at which a source agrees with it, 0 to 10000. A "
        "rate within it is never an outlier."
    ),
]
OfSources = Annotated[
    list[Source] | None,
    strawberry.argument(description="The sources. Default: every source that tracks the symbol."),
]


def read_consensus(
    *,
    symbol: Symbol = _ANY_SYMBOL,
    method: ConsensusMethod,
    min_sources: int,
    max_age_ms: int | None,
    max_deviation_bps: float,
    sources: list[Source] | None,
    max_trade_age_ms: int | None,
    at: datetime | None = UNSET,
) -> ConsensusQuery:
    """Read the query from the arguments; without a symbol, for others to replace it.

    Raises:
        InvalidArgument: out of range.
    """
    named = given_all("sources", sources)
    policy = read_policy(max_age_ms, OnStale.RETURN, max_trade_age_ms)
    query = ConsensusQuery(
        symbol,
        method,
        min_sources,
        policy.max_age,
        # The shortest text of the float is the one that the client wrote.
        Decimal(repr(float(max_deviation_bps))),
        None if named is None else tuple(dict.fromkeys(named)),
        policy.max_trade_age,
        none_if_unset(at),
    )
    check_consensus(query)
    return query
