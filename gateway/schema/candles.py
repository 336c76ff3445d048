"""The GraphQL types and fields of candles."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.candles.candle_list import CandleList, SeriesCandle
from gateway.queries.candles.query import DEFAULT_CANDLES, UTC_NAME, CandlesQuery, parse_candle_cursor
from gateway.schema.arguments import UNSET, OneSymbol, none_if_unset
from gateway.schema.context import Info, OperationMetadata
from gateway.schema.field import described
from gateway.schema.global_id import candle_id
from gateway.schema.node import Node
from gateway.schema.source import SourceType, to_source
from history import coverage
from history.bar import Bar
from history.candle import CandleOrigin, CandleState
from history.coverage import CandleCoverage, GapReason
from history.interval import Interval
from history.sampling import is_sampled, name_origin
from rates.source import Source
from rates.symbol import Symbol

ItsSource = Annotated[
    Source | None,
    strawberry.argument(
        description="The source of the trades. Default: the first source in the configured order that has a history of the symbol."
    ),
]
IntervalArgument = Annotated[Interval, strawberry.argument(description="The length of a candle.")]
From = Annotated[
    datetime | None,
    strawberry.argument(
        name="from",
        description="The earliest time at which a candle begins. Default: the start of the history.",
    ),
]
To = Annotated[
    datetime | None,
    strawberry.argument(name="to", description="The time before which a candle begins. Default: now."),
]
Last = Annotated[
    int,
    strawberry.argument(
        description="The largest number of candles, the newest of those requested, 1 to 1000. A page of candles longer than an hour may hold fewer, with `hasMore`."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(
        description="The `cursor` of a page: only candles before it. Candles that are added later move no page."
    ),
]
TimeZone = Annotated[
    str,
    strawberry.argument(
        description="The IANA time zone whose wall clock the candles follow, e.g. Europe/Berlin. Days of a change of the clocks have 23 or "
        "25 hours. Weeks begin on Monday."
    ),
]
KnownAt = Annotated[
    datetime | None,
    strawberry.argument(
        description="The time of knowledge: the answer leaves out what became known later, such as corrections. Default: now. Not for S1."
    ),
]


@strawberry.type(
    name="Candle",
    description="The trades of one source in a span of time, and how much of that time is known. See docs/history.md.",
)
class CandleType(Node):
    id: strawberry.ID = described(
        "Globally unique, e.g. `Candle:BINANCE:BTC/USDT:M1:2026-11-29T12:00:00.000Z`. Other time zones than UTC and `knownAt` are part of it."
    )
    symbol: Symbol = described("The symbol, e.g. BTC/USDT.")
    source: SourceType = described("The source of the trades.")
    interval: Interval = described("The length of the candle.")
    open_time: datetime = described("The beginning of its time.")
    close_time: datetime = described("The end of its time, which belongs to the next candle.")
    open: Decimal | None = described("The price of the first trade; null if none is known.")
    high: Decimal | None = described("The highest price; null if no trade is known.")
    low: Decimal | None = described("The lowest price; null if no trade is known.")
    close: Decimal | None = described("The price of the last trade; null if none is known.")
    volume: Decimal | None = described(
        "The traded amount of base, as the exact sum; null if it is not known, as with SAMPLES. 0 with NO_TRADES of other origins."
    )
    quote_volume: Decimal | None = described(
        "The same in units of quote: the exact sum of price times amount. Null if it is not known, as with the candles of some sources."
    )
    trade_count: int | None = described(
        "The number of trades; null if it is not known, as with the candles of some sources."
    )
    vwap: Decimal | None = described(
        "The mean price by volume, at 18 significant digits; null without a trade or a volume in quote."
    )
    origin: CandleOrigin = described("The origin of the candle.")
    state: CandleState = described("Whether its time is over, and whether it was another one before.")
    coverage: CandleCoverage = described("How much of its time is known.")
    revision: int = described("The number of corrections since its time was over.")
    as_of: datetime = described("When this value became known.")
    simulated: bool = described("Whether the trades come from the bundled simulator.")

    @classmethod
    def of(cls, value: SeriesCandle) -> Self:
        return cls(**{name: read(value) for name, read in READ_CANDLE.items()})


@strawberry.type(name="Gap", description="A time in which trades may be missing.")
class GapType:
    start: datetime = described("The beginning of the gap.", name="from")
    end: datetime = described("The end of the gap, or the time of the answer.", name="to")
    reason: GapReason = described("Why trades may be missing.")

    @classmethod
    def of(cls, value: coverage.Gap) -> Self:
        return cls(start=value.start, end=value.end, reason=value.reason)


@strawberry.type(
    name="CandleList",
    description="A page of candles, in the order of time and without a hole: a time of which nothing is known has candles too.",
)
class CandleListType:
    source: SourceType = described("The source that answers.")
    items: list[CandleType] = described("The candles. The last one may be FORMING.")
    gaps: list[GapType] | None = described(
        "The times from the first candle to the last in which trades may be missing, as they are known now, in order. Null with `knownAt`."
    )
    has_more_gaps: bool = described("Whether there are so many gaps that the earlier ones are left out.")
    cursor: str = described(
        "The place of the first candle: pass it as `before` for the page before this one."
    )
    has_more: bool = described("Whether there are earlier candles that match.")
    earliest: datetime | None = described(
        "The beginning of the history of the instrument; null if it has none."
    )

    @classmethod
    def of(cls, value: CandleList) -> Self:
        return cls(
            source=to_source(value.series.key.source),
            items=[CandleType.of(each) for each in value.items],
            gaps=None if value.gaps is None else [GapType.of(each) for each in value.gaps],
            has_more_gaps=value.has_more_gaps,
            cursor=value.cursor,
            has_more=value.has_more,
            earliest=value.earliest,
        )


def _of_bar(read: Callable[[Bar], Any], nothing: Any = None) -> Callable[[SeriesCandle], Any]:
    """Return a reader of the bar. `nothing`: its result where nothing was traded."""

    def read_candle(value: SeriesCandle) -> Any:
        candle = value.candle
        if candle.bar is not None:
            return read(candle.bar)
        is_nothing = candle.coverage is CandleCoverage.NO_TRADES and not is_sampled(value.series.key.source)
        return nothing if is_nothing else None

    return read_candle


READ_CANDLE: Mapping[str, Callable[[SeriesCandle], Any]] = {
    "id": lambda value: strawberry.ID(candle_id(value.series, value.candle.open_time)),
    "symbol": attrgetter("series.key.symbol"),
    "source": lambda value: to_source(value.series.key.source),
    "interval": attrgetter("candle.interval"),
    "open_time": attrgetter("candle.open_time"),
    "close_time": attrgetter("candle.close_time"),
    "open": _of_bar(attrgetter("open")),
    "high": _of_bar(attrgetter("high")),
    "low": _of_bar(attrgetter("low")),
    "close": _of_bar(attrgetter("close")),
    "volume": _of_bar(attrgetter("volume"), Decimal(0)),
    "quote_volume": _of_bar(attrgetter("quote_volume"), Decimal(0)),
    "trade_count": _of_bar(attrgetter("trades"), 0),
    "vwap": _of_bar(attrgetter("vwap")),
    "origin": lambda value: name_origin(value.candle, value.series.key.source),
    "state": attrgetter("candle.state"),
    "coverage": attrgetter("candle.coverage"),
    "revision": attrgetter("candle.revision"),
    "as_of": attrgetter("candle.known_at"),
    "simulated": attrgetter("candle.simulated"),
}
"""The reader of each field of a `Candle`."""

READ_CANDLE_LIST: Mapping[str, Callable[[CandleList], Any]] = {
    "source": lambda value: to_source(value.series.key.source),
}
"""The same of a `CandleList`; other attributes are read as they are."""


async def resolve_candles(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    interval: IntervalArgument,
    source: ItsSource = UNSET,
    start: From = UNSET,
    end: To = UNSET,
    last: Last = DEFAULT_CANDLES,
    before: Before = UNSET,
    time_zone: TimeZone = UTC_NAME,
    known_at: KnownAt = UNSET,
) -> CandleListType | None:
    query = read_candles(
        symbol=symbol,
        interval=interval,
        source=source,
        start=start,
        end=end,
        last=last,
        before=before,
        time_zone=time_zone,
        known_at=known_at,
    )
    answer = await info.context.candles.read(query)
    note_candles(info.context.metadata, answer)
    return CandleListType.of(answer)


def read_candles(
    *,
    symbol: Symbol,
    interval: Interval,
    source: Source | None = UNSET,
    start: datetime | None = UNSET,
    end: datetime | None = UNSET,
    last: int = DEFAULT_CANDLES,
    before: str | None = UNSET,
    time_zone: str = UTC_NAME,
    known_at: datetime | None = UNSET,
) -> CandlesQuery:
    """Read the query from the arguments.

    Raises:
        InvalidCursor: `before` is not a cursor of candles.
    """
    cursor = none_if_unset(before)
    return CandlesQuery(
        symbol,
        interval,
        none_if_unset(source),
        none_if_unset(start),
        none_if_unset(end),
        last,
        None if cursor is None else parse_candle_cursor(cursor),
        time_zone,
        none_if_unset(known_at),
    )


def note_candles(metadata: OperationMetadata, answer: CandleList) -> None:
    """Note for how long a part of the result stays the same."""
    metadata.note_fresh_for(answer.lasts)
