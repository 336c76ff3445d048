"""The GraphQL types, arguments and fields of the consensus of several sources."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.consensus import rate as consensus
from gateway.queries.consensus.query import (
    MAX_DEVIATION_BPS,
    MIN_SOURCES,
    ConsensusMethod,
    ConsensusQuery,
    check_consensus,
)
from gateway.queries.consensus.rate import ConsensusQuality, ExclusionReason
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import PriceBasis, price_basis
from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import (
    ANSWER_INTERVAL_MS,
    UNSET,
    AnswerIntervalMs,
    MaxTradeAgeMs,
    OneSymbol,
    given_all,
    read_policy,
)
from gateway.schema.context import Info, OperationMetadata
from gateway.schema.field import described
from gateway.schema.global_id import consensus_rate_id
from gateway.schema.node import Node
from gateway.schema.rates import BPS_DIGITS, RateType
from gateway.schema.scalars import AssetCode, clamp
from gateway.schema.source import SourceType, to_source
from gateway.schema.streams import convert_each
from gateway.subscriptions.delivery_options import parse_delivery_options
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


@strawberry.type(description="The part of one source in a consensus.")
class ConsensusContribution:
    source: SourceType = described("The source.")
    rate: RateType | None = described(
        "The rate of the source; null if the source does not track the symbol or has not published it yet."
    )
    used_price: Decimal | None = described(
        "The price that is compared and weighted: the last trade or the mid of `rate`, according to `basis`."
    )
    basis: PriceBasis | None = described("The price of `rate` that `usedPrice` is; null without a rate.")
    included: bool = described("Whether the source is part of the price.")
    weight: Decimal = described(
        "The share of the source in the price; all weights sum to exactly 1. MEDIAN: equal weights of all included sources. "
        "VWAP: in proportion to `volume24h`. 0 if the source is not included."
    )
    deviation_bps: float | None = described(
        "The distance of `usedPrice` from the consensus in basis points of the consensus, negative below it; null if either is "
        "missing."
    )
    exclusion: ExclusionReason | None = described(
        "The reason for which the source is not part of the price; null if it is."
    )
    message: str | None = described("The reason in words, for people.")

    @classmethod
    def of(cls, value: consensus.Contribution) -> Self:
        rate = value.rate
        read_values = {name: read(value) for name, read in READ_CONTRIBUTION.items()}
        return cls(**{**read_values, "rate": None if rate is None else RateType.of(rate)})


@strawberry.type(
    name="ConsensusRate",
    description="One price computed from the rates of several sources for the same symbol. BTC/USD and BTC/USDT are never mixed. See "
    "docs/consensus.md.",
)
class ConsensusRateType(Node):
    id: strawberry.ID = described(
        "Globally unique, e.g. `ConsensusRate:BTC/USDT:MEDIAN`. It contains all arguments that differ from their defaults."
    )
    symbol: Symbol = described("The symbol, e.g. BTC/USDT.")
    base: AssetCode = described("The base asset, which the price is of.")
    quote: AssetCode = described("The quote asset, which the price is in.")
    method: ConsensusMethod = described("The method that computed the price.")
    price: Decimal | None = described(
        "The price of one unit of base in units of quote; null if `quality` is INSUFFICIENT."
    )
    quality: ConsensusQuality = described("The agreement of the sources.")
    divergence_bps: float | None = described(
        "The largest distance of an included source from the consensus, in basis points of the consensus; null if `quality` is "
        "INSUFFICIENT. If it is larger than `maxDeviationBps`, `quality` is DIVERGED."
    )
    observed_at: datetime | None = described(
        "The time at which the oldest included rate was observed; null if `quality` is INSUFFICIENT."
    )
    age_ms: int | None = described("Milliseconds from `observedAt` to the time of the answer, rounded up.")
    freshness: Freshness | None = described(
        "The worst freshness of the included rates, each by the TTL of its source; null if `quality` is INSUFFICIENT."
    )
    min_sources: int = described("The requested minimum number of sources in the price.")
    max_deviation_bps: float = described(
        "The requested largest deviation, in basis points, at which sources agree."
    )
    contributions: list[ConsensusContribution] = described(
        "All requested sources, also those that are not part of the price: in the configured order, or in the order of "
        "`sources`."
    )
    simulated: bool = described("Whether any of the rates comes from the bundled simulator.")

    @classmethod
    def of(cls, value: consensus.ConsensusRate) -> Self:
        read_values = {name: read(value) for name, read in READ_CONSENSUS.items()}
        contributions = [ConsensusContribution.of(each) for each in value.contributions]
        return cls(**{**read_values, "contributions": contributions})


def _read_basis(value: consensus.Contribution) -> PriceBasis | None:
    return None if value.rate is None else price_basis(value.rate)


def _read_observed_at(value: consensus.ConsensusRate) -> datetime | None:
    return None if value.oldest is None else value.oldest.ticker.observed_at


def _read_age_ms(value: consensus.ConsensusRate) -> int | None:
    return None if value.oldest is None else clamp(value.oldest.age_ms)


def _read_simulated(value: consensus.ConsensusRate) -> bool:
    return any(each.rate.ticker.simulated for each in value.contributions if each.rate)


READ_CONTRIBUTION: Mapping[str, Callable[[consensus.Contribution], Any]] = {
    "source": lambda value: to_source(value.source),
    "rate": attrgetter("rate"),
    "used_price": attrgetter("price"),
    "basis": _read_basis,
    "included": attrgetter("is_included"),
    "weight": attrgetter("weight"),
    "deviation_bps": lambda value: _bps(value.deviation_bps),
    "exclusion": attrgetter("exclusion"),
    "message": attrgetter("message"),
}
"""The reader of each field of a `ConsensusContribution`. Those of objects return plain values."""

READ_CONSENSUS: Mapping[str, Callable[[consensus.ConsensusRate], Any]] = {
    "id": lambda value: strawberry.ID(consensus_rate_id(value.query)),
    "symbol": attrgetter("query.symbol"),
    "base": attrgetter("query.symbol.base"),
    "quote": attrgetter("query.symbol.quote"),
    "method": attrgetter("query.method"),
    "price": attrgetter("price"),
    "quality": attrgetter("quality"),
    "divergence_bps": lambda value: _bps(value.divergence_bps),
    "observed_at": _read_observed_at,
    "age_ms": _read_age_ms,
    "freshness": attrgetter("freshness"),
    "min_sources": attrgetter("query.min_sources"),
    "max_deviation_bps": lambda value: float(value.query.max_deviation_bps),
    "contributions": attrgetter("contributions"),
    "simulated": _read_simulated,
}
"""The same of a `ConsensusRate`."""


def resolve_consensus_rate(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    method: Method = ConsensusMethod.MEDIAN,
    min_sources: MinSources = MIN_SOURCES,
    max_age_ms: MaxAgeMs = UNSET,
    max_deviation_bps: MaxDeviationBps = float(MAX_DEVIATION_BPS),
    sources: OfSources = UNSET,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> ConsensusRateType | None:
    query = read_consensus(
        symbol=symbol,
        method=method,
        min_sources=min_sources,
        max_age_ms=max_age_ms,
        max_deviation_bps=max_deviation_bps,
        sources=sources,
        max_trade_age_ms=max_trade_age_ms,
    )
    answer = info.context.consensus.consensus(query)
    note_consensus(info.context.metadata, answer)
    return ConsensusRateType.of(answer)


async def subscribe_consensus(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    method: Method = ConsensusMethod.MEDIAN,
    min_sources: MinSources = MIN_SOURCES,
    max_age_ms: MaxAgeMs = UNSET,
    max_deviation_bps: MaxDeviationBps = float(MAX_DEVIATION_BPS),
    sources: OfSources = UNSET,
    sample_interval_ms: AnswerIntervalMs = ANSWER_INTERVAL_MS,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> AsyncGenerator[ConsensusRateType | None, None]:
    options = parse_delivery_options(sample_interval_ms, 0)
    query = read_consensus(
        symbol=symbol,
        method=method,
        min_sources=min_sources,
        max_age_ms=max_age_ms,
        max_deviation_bps=max_deviation_bps,
        sources=sources,
        max_trade_age_ms=max_trade_age_ms,
    )
    return convert_each(ConsensusRateType.of, info.context.live_queries.iterate(query, options))


def read_consensus(
    *,
    symbol: Symbol = _ANY_SYMBOL,
    method: ConsensusMethod,
    min_sources: int,
    max_age_ms: int | None,
    max_deviation_bps: float,
    sources: list[Source] | None,
    max_trade_age_ms: int | None,
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
    )
    check_consensus(query)
    return query


def note_consensus(metadata: OperationMetadata, answer: consensus.ConsensusRate) -> None:
    """Note how long the answer holds by time alone; without a price it must not be cached."""
    if answer.price is None or answer.next_change_at is None:
        metadata.no_store = True
    else:
        metadata.note_fresh_for(answer.next_change_at - answer.now)


def _bps(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), BPS_DIGITS)
