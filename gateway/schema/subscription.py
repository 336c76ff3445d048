"""Subscription fields. Invalid arguments are rejected at once, not by the first event."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from gateway.queries.rate_query import RateQuery
from gateway.queries.rates_query import OnStale
from gateway.schema import consensus
from gateway.schema.arguments import (
    UNSET,
    MaxAgeMs,
    MaxSilenceMs,
    MaxTradeAgeMs,
    MinChangeBps,
    OneSource,
    OneSymbol,
    SampleIntervalMs,
    Sources,
    Symbols,
    none_if_unset,
    read_policy,
    read_query,
)
from gateway.schema.consensus_list import ConsensusRatesEventType, subscribe_consensus_rates
from gateway.schema.context import Info
from gateway.schema.conversion import ConversionType
from gateway.schema.conversion_list import (
    ConversionsEventType,
    subscribe_conversion,
    subscribe_conversions,
)
from gateway.schema.live_candles import CandlesEventType, subscribe_candles
from gateway.schema.live_trades import TradesEventType, subscribe_trades
from gateway.schema.rates import RatesEventType, RateType
from gateway.schema.source_status import SourceStatusType
from gateway.schema.streams import convert_each
from gateway.subscriptions import event as events
from gateway.subscriptions.delivery_options import parse_delivery_options

After = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last event, or of a `rates` query with the same arguments. The first event then has only what has "
        "changed since, as a SNAPSHOT with `recovered: true`. If the cache was lost meanwhile, a GAP and a full SNAPSHOT come "
        "first."
    ),
]


async def _subscribe_rate(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    source: OneSource = UNSET,
    sample_interval_ms: SampleIntervalMs = 0,
    min_change_bps: MinChangeBps = 0,
    max_age_ms: MaxAgeMs = UNSET,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> AsyncGenerator[RateType | None, None]:
    policy = read_policy(max_age_ms, OnStale.RETURN, max_trade_age_ms)
    query = RateQuery(symbol, none_if_unset(source), policy)
    options = info.context.limit(parse_delivery_options(sample_interval_ms, min_change_bps))
    return convert_each(RateType.of, info.context.live_queries.iterate(query, options))


async def _subscribe_rates(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbols: Symbols = UNSET,
    sources: Sources = UNSET,
    sample_interval_ms: SampleIntervalMs = 0,
    min_change_bps: MinChangeBps = 0,
    max_silence_ms: MaxSilenceMs = 15_000,
    after: After = UNSET,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> AsyncGenerator[RatesEventType | None, None]:
    max_trade_age = read_policy(UNSET, OnStale.RETURN, max_trade_age_ms).max_trade_age
    options = info.context.limit(
        parse_delivery_options(sample_interval_ms, min_change_bps, max_silence_ms, max_trade_age)
    )
    query, metadata = read_query(symbols, sources), info.context.metadata

    def convert(event: events.RatesEvent) -> RatesEventType:
        metadata.cursor = event.cursor
        return RatesEventType.of(event)

    after_cursor = metadata.resume_from or none_if_unset(after) or None
    return convert_each(convert, info.context.live_queries.iterate(query, options, after_cursor))


async def _subscribe_sources(info: Info) -> AsyncGenerator[list[SourceStatusType] | None, None]:
    return convert_each(
        lambda statuses: [SourceStatusType.of(each) for each in statuses],
        info.context.live_queries.iterate_sources(),
    )


@strawberry.type(description="Live queries: the present answer first, then every change.")
class Subscription:
    rate: AsyncGenerator[RateType | None, None] = strawberry.subscription(
        resolver=_subscribe_rate,
        description="One rate: the present one, then each newer one. Without `source`, the rate that the query `rate` returns, also when it "
        "changes by the passage of time alone. Error: UNKNOWN_SYMBOL with near matches.",
    )
    rates: AsyncGenerator[RatesEventType | None, None] = strawberry.subscription(
        resolver=_subscribe_rates,
        description="Many rates: a SNAPSHOT, then UPDATEs with the rates that have changed. A slow client gets fewer events, with the "
        "newest values.",
    )
    candles: AsyncGenerator[CandlesEventType | None, None] = strawberry.subscription(
        resolver=subscribe_candles,
        description="Candles of up to 50 symbols: a SNAPSHOT, then UPDATEs with those that have changed. A candle that closes is sent at once. A "
        "slow client gets fewer events, with the newest values. Error: HISTORY_UNAVAILABLE.",
    )
    trades: AsyncGenerator[TradesEventType | None, None] = strawberry.subscription(
        resolver=subscribe_trades,
        description="The trades of an instrument: a SNAPSHOT with the last ones, then UPDATEs with those that have followed. Where some may be "
        "missing, a GAP and a SNAPSHOT come. A slow client gets the newest ones, and the number of those left out. Errors: "
        "UNKNOWN_SYMBOL with near matches, HISTORY_UNAVAILABLE.",
    )
    consensus_rate: AsyncGenerator[consensus.ConsensusRateType | None, None] = strawberry.subscription(
        resolver=consensus.subscribe_consensus,
        description="A consensus: the present one, then each changed one, also when a source becomes too old. Error: UNKNOWN_SYMBOL with "
        "near matches.",
    )
    consensus_rates: AsyncGenerator[ConsensusRatesEventType | None, None] = strawberry.subscription(
        resolver=subscribe_consensus_rates,
        description="The consensus of each of up to 200 symbols: a SNAPSHOT, then UPDATEs with those that have changed, also when a source "
        "becomes too old. A symbol that no requested source tracks is in `unavailable`.",
    )
    conversion: AsyncGenerator[ConversionType | None, None] = strawberry.subscription(
        resolver=subscribe_conversion,
        description="A conversion: the present one, then each changed one, also when it changes by the passage of time alone. Null while it "
        "has no answer, with `onStale: OMIT` also while a rate is too old; `conversions` gives the reason. Errors: "
        "UNKNOWN_ASSET, NO_CONVERSION_PATH, NOT_TRADING.",
    )
    conversions: AsyncGenerator[ConversionsEventType | None, None] = strawberry.subscription(
        resolver=subscribe_conversions,
        description="Up to 50 conversions: a SNAPSHOT, then UPDATEs with those that have changed, also by the passage of time alone. Those "
        "without an answer are in `unavailable`, with the code of the error.",
    )
    sources: AsyncGenerator[list[SourceStatusType] | None, None] = strawberry.subscription(
        resolver=_subscribe_sources,
        description="The status of every source: the present one, then each changed one, at most once a second.",
    )
