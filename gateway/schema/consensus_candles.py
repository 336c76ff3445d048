"""The GraphQL types and field of consensus candles."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.candles.query import DEFAULT_CANDLES
from gateway.queries.consensus.query import MIN_SOURCES, ConsensusMethod
from gateway.queries.consensus_candles import consensus_candle
from gateway.queries.consensus_candles.query import MAX_CONSENSUS_CANDLES, ConsensusCandlesQuery
from gateway.schema.arguments import UNSET, OneSymbol, none_if_unset
from gateway.schema.candles import From, IntervalArgument, To
from gateway.schema.consensus_arguments import Method
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.source import SourceType, to_source
from history.candle import CandleState
from history.coverage import CandleCoverage
from history.interval import Interval
from rates.symbol import Symbol

MinSources = Annotated[
    int,
    strawberry.argument(
        description="The minimum number of sources with a trade in a candle, 1 to 100. With fewer, its prices are null."
    ),
]
Last = Annotated[
    int,
    strawberry.argument(
        description=f"The largest number of candles, the newest of those requested, 1 to {MAX_CONSENSUS_CANDLES}."
    ),
]


@strawberry.type(
    name="ConsensusCandle",
    description="One candle computed from those of several sources for the same time. Prices that are outliers by their close, or may be of "
    "another asset, are left out.",
)
class ConsensusCandleType:
    open_time: datetime = described("The beginning of its time.")
    close_time: datetime = described("The end of its time, which belongs to the next candle.")
    open: Decimal | None = described(
        "The median or the VWAP of the opens; null with fewer sources than `minSources`."
    )
    high: Decimal | None = described("The same of the highest prices.")
    low: Decimal | None = described("The same of the lowest prices.")
    close: Decimal | None = described("The same of the closes.")
    volume: Decimal | None = described(
        "The sum of the traded amounts of base of these sources; null without prices, and if all of them are made of samples."
    )
    contributor_count: int = described("The number of sources whose trades are part of the candle.")
    state: CandleState = described(
        "FORMING if one of the candles is; CORRECTED if none is, and one was corrected."
    )
    coverage: CandleCoverage = described(
        "COMPLETE: all of the time is known of all `sources` of the list. PARTIAL: of some, or a part of it."
    )
    simulated: bool = described("Whether the trades come from the bundled simulator.")

    @classmethod
    def of(cls, value: consensus_candle.ConsensusCandle) -> Self:
        return cls(**{name: read(value) for name, read in READ_CONSENSUS_CANDLE.items()})


@strawberry.type(
    name="ConsensusCandleList",
    description="Candles over several sources, in the order of time.",
)
class ConsensusCandleListType:
    symbol: Symbol = described("The symbol.")
    interval: Interval = described("The length of the candles.")
    method: ConsensusMethod = described("The method that computed the prices.")
    sources: list[SourceType] = described(
        "The sources with a history of the symbol that mean the same reviewed assets by it: all of them may contribute."
    )
    items: list[ConsensusCandleType] = described("The candles. The last one may be FORMING.")
    has_more: bool = described("Whether there are earlier candles that match.")

    @classmethod
    def of(cls, value: consensus_candle.ConsensusCandleList) -> Self:
        found = {name: read(value) for name, read in READ_CONSENSUS_CANDLE_LIST.items()}
        fields: dict[str, Any] = {**found, "items": [ConsensusCandleType.of(each) for each in value.items]}
        return cls(**fields)


READ_CONSENSUS_CANDLE: Mapping[str, Callable[[consensus_candle.ConsensusCandle], Any]] = {
    name: attrgetter(name)
    for name in (
        "open_time",
        "close_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "state",
        "coverage",
        "simulated",
    )
} | {"contributor_count": lambda value: len(value.contributors)}
"""The reader of each field of a `ConsensusCandle`."""

READ_CONSENSUS_CANDLE_LIST: Mapping[str, Callable[[consensus_candle.ConsensusCandleList], Any]] = {
    "symbol": attrgetter("query.symbol"),
    "interval": attrgetter("query.interval"),
    "method": attrgetter("query.method"),
    "sources": lambda value: [to_source(each) for each in value.sources],
    "items": attrgetter("items"),
    "has_more": attrgetter("has_more"),
}
"""The same of a `ConsensusCandleList`."""


async def resolve_consensus_candles(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    interval: IntervalArgument,
    method: Method = ConsensusMethod.MEDIAN,
    min_sources: MinSources = MIN_SOURCES,
    start: From = UNSET,
    end: To = UNSET,
    last: Last = DEFAULT_CANDLES,
) -> ConsensusCandleListType | None:
    query = ConsensusCandlesQuery(
        symbol, interval, method, min_sources, none_if_unset(start), none_if_unset(end), last
    )
    answer = await info.context.history.consensus_candles.read(query)
    info.context.metadata.note_fresh_for(answer.lasts)
    return ConsensusCandleListType.of(answer)
