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

Method = Annotated[ConsensusMethod, strawberry.argument(description="How one price is made of several.")]
MinSources = Annotated[
    int,
    strawberry.argument(
        description="How many sources must be in the price, 1 to 100. With fewer there is none: INSUFFICIENT."
    ),
]
MaxAgeMs = Annotated[
    int | None,
    strawberry.argument(
        description="Oldest age in milliseconds at which a source still counts. Left out: the time to live of each source."
    ),
]
MaxDeviationBps = Annotated[
    float,
    strawberry.argument(
        description="Basis points (1/100 %) between a source and the consensus up to which they agree, 0 to 10000; nothing within it "
        "is rejected as an outlier."
    ),
]
OfSources = Annotated[
    list[Source] | None,
    strawberry.argument(description="Whom to ask. Left out: every source that tracks the symbol."),
]


@strawberry.type(description="What became of one source in a consensus.")
class ConsensusContribution:
    source: SourceType = described("The source.")
    rate: RateType | None = described("What it says, with its age; null where it is not tracked or not seen.")
    used_price: Decimal | None = described(
        "The price of `rate` that counts: by `basis` its last trade or its mid."
    )
    basis: PriceBasis | None = described("Which price of `rate` that is; null without a rate.")
    included: bool = described("Whether it is in the price.")
    weight: Decimal = described(
        "Its share of the price: all of them sum to exactly 1. MEDIAN: the same for each included. VWAP: by `volume24h`. 0 where it is "
        "not included."
    )
    deviation_bps: float | None = described(
        "Its distance from the consensus in basis points of that, negative below; null where one of the two is missing."
    )
    exclusion: ExclusionReason | None = described("Why it is not in the price; null where it is.")
    message: str | None = described("The same for people.")

    @classmethod
    def of(cls, value: consensus.Contribution) -> Self:
        rate = value.rate
        read_values = {name: read(value) for name, read in READ_CONTRIBUTION.items()}
        return cls(**{**read_values, "rate": None if rate is None else RateType.of(rate)})


@strawberry.type(
    name="ConsensusRate",
    description="One price of what several sources say of the very same symbol: BTC/USD and BTC/USDT are never mixed. See "
    "docs/consensus.md.",
)
class ConsensusRateType(Node):
    id: strawberry.ID = described(
        "Globally unique, e.g. `ConsensusRate:BTC/USDT:MEDIAN`. Arguments other than their defaults are part of it."
    )
    symbol: Symbol = described("The instrument.")
    base: AssetCode = described("The asset that is priced.")
    quote: AssetCode = described("The asset that it is priced in.")
    method: ConsensusMethod = described("How the price is made.")
    price: Decimal | None = described("Price of one unit of base in units of quote; null where INSUFFICIENT.")
    quality: ConsensusQuality = described("How well it is founded.")
    divergence_bps: float | None = described(
        "The largest distance of an included source from the consensus, in basis points of that; null where INSUFFICIENT. Beyond "
        "`maxDeviationBps` it is DIVERGED."
    )
    observed_at: datetime | None = described(
        "When the oldest included rate was observed; null where INSUFFICIENT."
    )
    age_ms: int | None = described("Milliseconds since then at the time of the answer, rounded up.")
    freshness: Freshness | None = described(
        "The worst of the included rates', each by the time to live of its own source; null where INSUFFICIENT."
    )
    min_sources: int = described("How many sources were asked to be in the price.")
    max_deviation_bps: float = described("Up to which distance sources count as agreed.")
    contributions: list[ConsensusContribution] = described(
        "Every source that was asked, by configured preference or in the order of `sources`: nothing is left out in silence."
    )
    simulated: bool = described("Whether the bundled simulator made up any of the rates.")

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
