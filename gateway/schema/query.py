"""Query fields. But for the history, they read memory and wait for nothing."""

import strawberry

from gateway.queries.rates_query import OnStale
from gateway.schema import consensus, refetch
from gateway.schema import conversion as conversions
from gateway.schema.arguments import (
    UNSET,
    MaxAgeMs,
    MaxTradeAgeMs,
    OneSource,
    OneSymbol,
    OnStaleArgument,
    Sources,
    Symbols,
    none_if_unset,
    read_policy,
    read_query,
)
from gateway.schema.asset import AssetType, resolve_asset
from gateway.schema.budget import BudgetType, OperationCostType, resolve_budget, resolve_cost
from gateway.schema.candles import CandleListType, resolve_candles
from gateway.schema.consensus_candles import ConsensusCandleListType, resolve_consensus_candles
from gateway.schema.consensus_list import ConsensusRateListType, resolve_consensus_rates
from gateway.schema.context import Info
from gateway.schema.conversion_list import ConversionListType, resolve_conversions
from gateway.schema.instruments import (
    InstrumentConnection,
    InstrumentType,
    resolve_instrument,
    resolve_instruments,
)
from gateway.schema.node import Node
from gateway.schema.rate_at import RateAtType, resolve_rate_at
from gateway.schema.rates import RateListType, RateType
from gateway.schema.source import SourceType, resolve_source
from gateway.schema.source_history import SourceHistoryType, resolve_source_history
from gateway.schema.source_status import SourceStatusType
from gateway.schema.stats import WindowStatsType, resolve_stats
from gateway.schema.summaries import SummaryType, resolve_summaries
from gateway.schema.trades import TradeType, resolve_trades


def _rate(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    source: OneSource = UNSET,
    max_age_ms: MaxAgeMs = UNSET,
    on_stale: OnStaleArgument = OnStale.RETURN,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> RateType | None:
    policy = read_policy(max_age_ms, on_stale, max_trade_age_ms)
    answer = info.context.rates.rate(symbol, none_if_unset(source), policy)
    if answer is None:
        return None
    info.context.metadata.note_rates([answer], policy)
    return RateType.of(answer)


def _rates(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbols: Symbols = UNSET,
    sources: Sources = UNSET,
    max_age_ms: MaxAgeMs = UNSET,
    on_stale: OnStaleArgument = OnStale.RETURN,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> RateListType | None:
    policy = read_policy(max_age_ms, on_stale, max_trade_age_ms)
    answer = info.context.rates.rates(read_query(symbols, sources), policy)
    info.context.metadata.note_rates(answer.items, policy)
    return RateListType.of(answer)


def _sources(info: Info) -> list[SourceStatusType] | None:
    info.context.metadata.no_store = True
    return [SourceStatusType.of(each) for each in info.context.rates.sources()]


@strawberry.type(description="Queries of current rates, and of their history.")
class Query:
    node: Node | None = strawberry.field(
        resolver=refetch.resolve_node,
        description="The object with this id; null if there is none at present. Error: BAD_USER_INPUT if the text is not an id.",
    )
    nodes: list[Node | None] | None = strawberry.field(
        resolver=refetch.resolve_nodes,
        description="The objects with these ids, in the same order; null for an id without an object at present.",
    )
    rate: RateType | None = strawberry.field(
        resolver=_rate,
        description="One rate. Without `source`, the rate of the first source in the configured order that is fresh enough. Errors: "
        "UNKNOWN_SYMBOL with near matches, NOT_TRADING, SUSPECT_IDENTITY, RATE_NOT_SEEN, SOURCE_DOWN, RATE_STALE.",
    )
    rates: RateListType | None = strawberry.field(
        resolver=_rates,
        description="The rates of each symbol from all sources that track it. Symbols without a rate are in `unavailable`, with the reason. "
        "Error: RATE_STALE with `onStale: ERROR`.",
    )
    instrument: InstrumentType | None = strawberry.field(
        resolver=resolve_instrument,
        description="The instrument of a symbol and a source, traded or halted. Error: UNKNOWN_SYMBOL with the sources that track the "
        "symbol, or near matches.",
    )
    asset: AssetType | None = strawberry.field(
        resolver=resolve_asset,
        description="The asset with this code. Error: UNKNOWN_ASSET with near matches.",
    )
    source: SourceType | None = strawberry.field(
        resolver=resolve_source, description="The source with this code."
    )
    instruments: InstrumentConnection | None = strawberry.field(
        resolver=resolve_instruments,
        description="A page of the tracked instruments, filtered, searched and ordered as requested.",
    )
    consensus_rate: consensus.ConsensusRateType | None = strawberry.field(
        resolver=consensus.resolve_consensus_rate,
        description="One price computed from the rates of several sources for one symbol, with the part of each source. With `at`, at a "
        "time of the past. Errors: UNKNOWN_SYMBOL with near matches; with `at`, HISTORY_UNAVAILABLE.",
    )
    consensus_rates: ConsensusRateListType | None = strawberry.field(
        resolver=resolve_consensus_rates,
        description="The consensus of each of up to 200 symbols. A symbol that no requested source tracks is in `unavailable`, with the "
        "reason.",
    )
    conversion: conversions.ConversionType | None = strawberry.field(
        resolver=conversions.resolve_conversion,
        description="The value of an amount of one asset in another, with the route and the age of its oldest rate. Null only with "
        "`onStale: OMIT`. Errors: UNKNOWN_ASSET with near matches, NO_CONVERSION_PATH with the neighbours of both assets, "
        "NOT_TRADING, SUSPECT_IDENTITY, RATE_NOT_SEEN, RATE_STALE; with `at`, HISTORY_UNAVAILABLE.",
    )
    convert: conversions.ConversionType | None = strawberry.field(
        resolver=conversions.resolve_conversion,
        description="The same as `conversion`, under its old name.",
        deprecation_reason="Use `conversion`, which has the same arguments and result.",
    )
    conversions: ConversionListType | None = strawberry.field(
        resolver=resolve_conversions,
        description="Up to 50 conversions. Those without an answer are in `unavailable`, with the code of the error that `conversion` "
        "reports; with `onStale: OMIT`, also those that are not as fresh as requested. Error: RATE_STALE with `onStale: ERROR`.",
    )
    candles: CandleListType | None = strawberry.field(
        resolver=resolve_candles,
        description="A page of candles of one source, the newest first. `coverage` gives how much of the time of a candle is known. Errors: UNKNOWN_SYMBOL with "
        "near matches, HISTORY_UNAVAILABLE.",
    )
    consensus_candles: ConsensusCandleListType | None = strawberry.field(
        resolver=resolve_consensus_candles,
        description="Candles over all sources that mean the same assets by a symbol, with the number of those in each. Errors: UNKNOWN_SYMBOL "
        "with near matches, HISTORY_UNAVAILABLE.",
    )
    stats: WindowStatsType | None = strawberry.field(
        resolver=resolve_stats,
        description="Statistics of the last minutes of one source, and how much of that time is known. Errors: UNKNOWN_SYMBOL with near "
        "matches, HISTORY_UNAVAILABLE.",
    )
    rate_at: RateAtType | None = strawberry.field(
        resolver=resolve_rate_at,
        description="The last trade of one source at or before a time, and whether another one may have followed. Trades are looked for in the "
        "31 days before. Null only with `onStale: OMIT`. Errors: UNKNOWN_SYMBOL with near matches, RATE_NOT_SEEN, RATE_STALE, "
        "HISTORY_UNAVAILABLE.",
    )
    trades: list[TradeType] | None = strawberry.field(
        resolver=resolve_trades,
        description="The last trades of an instrument, the newest last. Errors: UNKNOWN_SYMBOL with near "
        "matches, HISTORY_UNAVAILABLE.",
    )
    summaries: list[SummaryType] | None = strawberry.field(
        resolver=resolve_summaries,
        description="The last day of each symbol: closes for a sparkline, changes over an hour, a day and a week, coverage. In the order of "
        "`symbols`; computed once a minute. Error: HISTORY_UNAVAILABLE.",
    )
    source_history: SourceHistoryType | None = strawberry.field(
        resolver=resolve_source_history,
        description="The states of a source, the delay of its rates and its refusals in a time, as they were recorded. Error: "
        "HISTORY_UNAVAILABLE.",
    )
    budget: BudgetType | None = strawberry.field(
        resolver=resolve_budget, description="Your budget: what is left of the points of your plan."
    )
    cost: OperationCostType | None = strawberry.field(
        resolver=resolve_cost,
        description="The cost of an operation, which is not executed. Errors: those of the operation, e.g. GRAPHQL_VALIDATION_FAILED.",
    )
    sources: list[SourceStatusType] | None = strawberry.field(
        resolver=_sources, description="The status of every source, with the reason."
    )
