"""The GraphQL types and fields of lists of consensuses."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Annotated, Self

import strawberry

from gateway.queries.consensus import rates_query
from gateway.queries.consensus.query import MAX_DEVIATION_BPS, MIN_SOURCES, ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rates_query import ConsensusRatesQuery, check_consensus_rates
from gateway.schema.arguments import ANSWER_INTERVAL_MS, UNSET, AnswerIntervalMs, MaxSilenceMs, MaxTradeAgeMs
from gateway.schema.consensus import ConsensusRateType, note_consensus
from gateway.schema.consensus_arguments import (
    MaxAgeMs,
    MaxDeviationBps,
    Method,
    MinSources,
    OfSources,
    read_consensus,
)
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.rates import UnavailableRateType
from gateway.schema.streams import convert_each
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.delivery_options import parse_delivery_options
from gateway.subscriptions.event import EventKind
from rates.symbol import Symbol

Symbols = Annotated[
    list[Symbol],
    strawberry.argument(description="The instruments, 1 to 200. Each is answered once."),
]


@strawberry.type(
    name="ConsensusRateList",
    description="The consensus of each requested symbol, and the symbols without one.",
)
class ConsensusRateListType:
    items: list[ConsensusRateType] = described("The consensuses, in the order of the symbols.")
    unavailable: list[UnavailableRateType] = described(
        "The symbols that no requested source tracks, in the same order. A tracked symbol without enough rates is in `items`, "
        "with the quality INSUFFICIENT."
    )
    sent_at: datetime = described("The time of the answer. All ages are relative to it.")

    @classmethod
    def of(cls, value: rates_query.ConsensusRateList) -> Self:
        return cls(
            items=[ConsensusRateType.of(each) for each in value.items],
            unavailable=[UnavailableRateType.of(each) for each in value.unavailable],
            sent_at=value.now,
        )


@strawberry.type(name="ConsensusRatesEvent", description="One event of the `consensusRates` subscription.")
class ConsensusRatesEventType:
    kind: EventKind = described(
        "The kind of the event. There is no GAP: every subscription begins with a SNAPSHOT."
    )
    items: list[ConsensusRateType] = described(
        "On a SNAPSHOT: every consensus. On an UPDATE: those that have changed, by a rate or by the passage of time."
    )
    unavailable: list[UnavailableRateType] = described(
        "On a SNAPSHOT: the symbols that no requested source tracks. On an UPDATE: those that are no longer tracked. A symbol "
        "that is in `items` later is available again."
    )
    conflated_count: int = described(
        "The number of updates of rates that newer ones replaced before the items of this event were computed."
    )
    throttled: bool = described(
        "Whether there is at most one event a second, because your budget of streams is spent."
    )
    sent_at: datetime = described("The time of the event. All ages are relative to it.")

    @classmethod
    def of(cls, value: AnswersEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[ConsensusRateType.of(each.value) for each in value.items],
            unavailable=[UnavailableRateType.of(each) for each in value.unavailable],
            conflated_count=value.conflated_count,
            throttled=value.throttled,
            sent_at=value.sent_at,
        )


def resolve_consensus_rates(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbols: Symbols,
    method: Method = ConsensusMethod.MEDIAN,
    min_sources: MinSources = MIN_SOURCES,
    max_age_ms: MaxAgeMs = UNSET,
    max_deviation_bps: MaxDeviationBps = float(MAX_DEVIATION_BPS),
    sources: OfSources = UNSET,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> ConsensusRateListType | None:
    template = read_consensus(
        method=method,
        min_sources=min_sources,
        max_age_ms=max_age_ms,
        max_deviation_bps=max_deviation_bps,
        sources=sources,
        max_trade_age_ms=max_trade_age_ms,
    )
    answer = info.context.consensus.consensus_rates(read_consensus_rates(symbols, template))
    for each in answer.items:
        note_consensus(info.context.metadata, each)
    return ConsensusRateListType.of(answer)


async def subscribe_consensus_rates(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbols: Symbols,
    method: Method = ConsensusMethod.MEDIAN,
    min_sources: MinSources = MIN_SOURCES,
    max_age_ms: MaxAgeMs = UNSET,
    max_deviation_bps: MaxDeviationBps = float(MAX_DEVIATION_BPS),
    sources: OfSources = UNSET,
    sample_interval_ms: AnswerIntervalMs = ANSWER_INTERVAL_MS,
    max_silence_ms: MaxSilenceMs = 15_000,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> AsyncGenerator[ConsensusRatesEventType | None, None]:
    options = info.context.limit(parse_delivery_options(sample_interval_ms, 0, max_silence_ms))
    template = read_consensus(
        method=method,
        min_sources=min_sources,
        max_age_ms=max_age_ms,
        max_deviation_bps=max_deviation_bps,
        sources=sources,
        max_trade_age_ms=max_trade_age_ms,
    )
    query = read_consensus_rates(symbols, template)
    return convert_each(ConsensusRatesEventType.of, info.context.live_queries.iterate(query, options))


def read_consensus_rates(symbols: Iterable[Symbol], template: ConsensusQuery) -> ConsensusRatesQuery:
    """Read the query of these symbols with the other arguments of `template`.

    Raises:
        InvalidArgument: no symbols, or too many.
    """
    query = ConsensusRatesQuery.of(symbols, template)
    check_consensus_rates(query)
    return query
