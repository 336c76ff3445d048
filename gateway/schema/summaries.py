"""The GraphQL type and field of summaries."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.summaries.query import DEFAULT_POINTS, SummariesQuery
from gateway.queries.summaries.summary import Summary, SummaryList
from gateway.schema.arguments import UNSET, Symbols, given_all
from gateway.schema.context import Info, OperationMetadata
from gateway.schema.field import described
from gateway.schema.source import SourceType, to_source
from history.coverage import CandleCoverage
from rates.symbol import Symbol

Points = Annotated[int, strawberry.argument(description="The number of `closes` of each summary, 2 to 96.")]


@strawberry.type(
    name="Summary",
    description="The last day of a symbol by the trades of one source, up to a whole minute, and how much of that time is known.",
)
class SummaryType:
    symbol: Symbol = described("The symbol.")
    source: SourceType | None = described(
        "The first source in the configured order that has a history of the symbol, else the first that tracks it; null if none does."
    )
    start: datetime = described(
        "The beginning of the day: a quarter hour, at most 15 minutes more than a day before `to`.",
        name="from",
    )
    end: datetime = described(
        "The end of the day: the end of the last minute that is surely stored, some 40 seconds before the answer.",
        name="to",
    )
    price: Decimal | None = described(
        "The last price before `to`; null if none of the last 24 hours is known."
    )
    closes: list[Decimal | None] = described(
        "The price at each of `closeTimes`: that of the last trade since the time before, or the one before if it is known that nothing was "
        "traded since. Null where it is not known."
    )
    close_times: list[datetime] = described("Whole quarter hours, and `to`.")
    change_percent_1h: Decimal | None = described(
        "The change of the price over the hour before `to` in percent, at 18 significant digits; null if the price then is not known: no "
        "trade of the hour before it is.",
        name="changePercent1h",
    )
    change_percent_24h: Decimal | None = described("The same over 24 hours.", name="changePercent24h")
    change_percent_7d: Decimal | None = described("The same over 7 days.", name="changePercent7d")
    coverage: CandleCoverage = described("How much of the day is known.")
    simulated: bool = described("Whether the bundled simulator made up the trades.")

    @classmethod
    def of(cls, value: Summary) -> Self:
        return cls(**{name: read(value) for name, read in READ_SUMMARY.items()})


def _of_change(number: int) -> Callable[[Summary], Decimal | None]:
    return lambda value: value.changes[number]


READ_SUMMARY: Mapping[str, Callable[[Summary], Any]] = {
    "symbol": attrgetter("symbol"),
    "source": lambda value: None if value.source is None else to_source(value.source),
    "start": attrgetter("window.start"),
    "end": attrgetter("window.end"),
    "price": attrgetter("price"),
    "closes": attrgetter("closes"),
    "close_times": attrgetter("close_times"),
    "change_percent_1h": _of_change(0),
    "change_percent_24h": _of_change(1),
    "change_percent_7d": _of_change(2),
    "coverage": attrgetter("coverage"),
    "simulated": attrgetter("simulated"),
}
"""The reader of each field of a `Summary`."""


async def resolve_summaries(
    info: Info, symbols: Symbols = UNSET, points: Points = DEFAULT_POINTS
) -> list[SummaryType] | None:
    answer = await info.context.history.summaries.read(read_summaries(symbols, points))
    note_summaries(info.context.metadata, answer, info.context.rates.now())
    return [SummaryType.of(each) for each in answer.items]


def read_summaries(symbols: list[Symbol] | None, points: int) -> SummariesQuery:
    """Read the query from the arguments.

    Raises:
        InvalidArgument: an empty list.
    """
    wanted = given_all("symbols", symbols)
    return SummariesQuery(None if wanted is None else tuple(dict.fromkeys(wanted)), points)


def note_summaries(metadata: OperationMetadata, answer: SummaryList, now: datetime) -> None:
    """Note until when the result stays the same."""
    metadata.note_fresh_for(answer.until - now)
