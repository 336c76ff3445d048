"""The GraphQL type and field of the statistics of a window."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.candles.stats import DAY_MS, StatsQuery, WindowStats
from gateway.schema.arguments import UNSET, OneSymbol, none_if_unset
from gateway.schema.candles import ItsSource
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.source import SourceType, to_source
from history.coverage import CandleCoverage
from rates.symbol import Symbol

WindowMs = Annotated[
    int,
    strawberry.argument(
        description="The length of the window in milliseconds, 60000 to 2073600000 in whole minutes. It ends with the last whole minute."
    ),
]


@strawberry.type(
    name="WindowStats",
    description="Statistics of the trades of one source in the last minutes, and how much of that time is known.",
)
class WindowStatsType:
    symbol: Symbol = described("The instrument.")
    source: SourceType = described("The source of the trades.")
    start: datetime = described("The beginning of the window.", name="from")
    end: datetime = described("The end of the window: that of the last whole minute.", name="to")
    open: Decimal | None = described("The price of the first trade; null if none is known.")
    high: Decimal | None = described("The highest price; null if no trade is known.")
    low: Decimal | None = described("The lowest price; null if no trade is known.")
    close: Decimal | None = described("The price of the last trade; null if none is known.")
    change: Decimal | None = described("`close` less `open`; null if no trade is known.")
    change_percent: Decimal | None = described("The same in percent of `open`, at 18 significant digits.")
    volume: Decimal | None = described(
        "The traded amount of base, as the exact sum; null if no trade is known, and with a source that publishes no trades."
    )
    quote_volume: Decimal | None = described("The same in units of quote.")
    trade_count: int | None = described("The number of trades; null if no trade is known.")
    vwap: Decimal | None = described("The mean price by volume, at 18 significant digits.")
    twap: Decimal | None = described(
        "The mean price by time, at 18 significant digits: of the closes of up to 288 equal steps, in which a step without a trade has the "
        "price before it. Null if less than two steps have a price."
    )
    realised_volatility: float | None = described(
        "The square root of the sum of the squared logarithmic returns from step to step: of this window, not of a year. Null likewise."
    )
    coverage: CandleCoverage = described("How much of the window is known.")
    simulated: bool = described("Whether the bundled simulator made up the trades.")

    @classmethod
    def of(cls, value: WindowStats) -> Self:
        return cls(**{name: read(value) for name, read in _READ.items()})


def _of_bar(name: str) -> Callable[[WindowStats], Any]:
    read = attrgetter(name)
    return lambda value: None if value.whole.bar is None else read(value.whole.bar)


_READ: Mapping[str, Callable[[WindowStats], Any]] = {
    "symbol": attrgetter("key.symbol"),
    "source": lambda value: to_source(value.key.source),
    "start": attrgetter("window.start"),
    "end": attrgetter("window.end"),
    **{name: _of_bar(name) for name in ("open", "high", "low", "close", "volume", "quote_volume", "vwap")},
    "trade_count": _of_bar("trades"),
    "change": attrgetter("change"),
    "change_percent": attrgetter("change_percent"),
    "twap": attrgetter("twap"),
    "realised_volatility": attrgetter("volatility"),
    "coverage": attrgetter("whole.coverage"),
    "simulated": attrgetter("whole.simulated"),
}


async def resolve_stats(
    info: Info, symbol: OneSymbol, source: ItsSource = UNSET, window_ms: WindowMs = DAY_MS
) -> WindowStatsType | None:
    query = StatsQuery(symbol, none_if_unset(source), timedelta(milliseconds=window_ms))
    answer = await info.context.stats.read(query)
    info.context.metadata.no_store = True
    return WindowStatsType.of(answer)
