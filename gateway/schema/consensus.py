"""The GraphQL types, arguments and fields of the consensus of several sources."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Self, cast

import strawberry
from graphql.pyutils import AwaitableOrValue

from gateway.queries.consensus import rate as consensus
from gateway.queries.consensus.query import MAX_DEVIATION_BPS, MIN_SOURCES, ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rate import ConsensusQuality, ExclusionReason
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import PriceBasis, price_basis
from gateway.schema.arguments import (
    ANSWER_INTERVAL_MS,
    UNSET,
    AnswerIntervalMs,
    MaxTradeAgeMs,
    OneSymbol,
    PastTime,
)
from gateway.schema.consensus_arguments import (
    MaxAgeMs,
    MaxDeviationBps,
    Method,
    MinSources,
    OfSources,
    read_consensus,
)
from gateway.schema.context import Info, OperationMetadata
from gateway.schema.field import described
from gateway.schema.global_id import consensus_rate_id
from gateway.schema.node import Node
from gateway.schema.rate_at import RateAtType
from gateway.schema.rates import BPS_DIGITS, RateType
from gateway.schema.scalars import AssetCode, clamp
from gateway.schema.source import SourceType, to_source
from gateway.schema.streams import convert_each
from gateway.subscriptions.delivery_options import parse_delivery_options
from rates.symbol import Symbol


@strawberry.type(description="The part of one source in a consensus.")
class ConsensusContribution:
    source: SourceType = described("The source.")
    rate: RateType | None = described(
        "The rate of the source; null if the source does not track the symbol or has not published it yet, and with `at`."
    )
    rate_at: RateAtType | None = described(
        "With `at`, the last trade of the source at or before it; null without `at`, and if none is known."
    )
    used_price: Decimal | None = described(
        "The price that is compared and weighted: the last trade or the mid of `rate`, according to `basis`; the price of `rateAt`."
    )
    basis: PriceBasis | None = described(
        "The price of `rate` or `rateAt` that `usedPrice` is; null without either."
    )
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
        found = {name: read(value) for name, read in READ_CONTRIBUTION.items()}
        rate, rate_at = found["rate"], found["rate_at"]
        fields: dict[str, Any] = {
            **found,
            "rate": None if rate is None else RateType.of(rate),
            "rate_at": None if rate_at is None else RateAtType.of(rate_at),
        }
        return cls(**fields)


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
    at: datetime | None = described("The requested time of the past; null for now.")
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
    age_ms: int | None = described(
        "Milliseconds from `observedAt` to the time of the answer, or to `at`, rounded up."
    )
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
        fields: dict[str, Any] = {**read_values, "contributions": contributions}
        return cls(**fields)


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
    # Clients keep rates by their ids, which are those of the newest ones.
    "rate": lambda value: None if value.rate_at else value.rate,
    "rate_at": attrgetter("rate_at"),
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
    "at": attrgetter("query.at"),
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
    at: PastTime = UNSET,
) -> ConsensusRateType | None:
    query = read_consensus(
        symbol=symbol,
        method=method,
        min_sources=min_sources,
        max_age_ms=max_age_ms,
        max_deviation_bps=max_deviation_bps,
        sources=sources,
        max_trade_age_ms=max_trade_age_ms,
        at=at,
    )
    # The executor awaits what only the database knows.
    return cast("ConsensusRateType | None", answer_consensus(info, query))


def answer_consensus(info: Info, query: ConsensusQuery) -> AwaitableOrValue[ConsensusRateType | None]:
    """Return the consensus; one of the past is awaited."""
    if query.at is not None:
        return _answer_past(info, query)
    answer = info.context.consensus.consensus(query)
    note_consensus(info.context.metadata, answer)
    return ConsensusRateType.of(answer)


async def _answer_past(info: Info, query: ConsensusQuery) -> ConsensusRateType:
    history = info.context.history
    answer = await history.consensus.read(query)
    info.context.metadata.note_fresh_for(
        history.rate_at.all_last(each.rate_at for each in answer.contributions)
    )
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
    options = info.context.limit(parse_delivery_options(sample_interval_ms, 0))
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


def note_consensus(metadata: OperationMetadata, answer: consensus.ConsensusRate) -> None:
    """Note how long the answer holds by time alone; without a price it must not be cached."""
    if answer.price is None or answer.next_change_at is None:
        metadata.no_store = True
    else:
        metadata.note_fresh_for(answer.next_change_at - answer.now)


def _bps(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), BPS_DIGITS)
