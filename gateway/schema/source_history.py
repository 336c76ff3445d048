"""The GraphQL types and field of the record of a source."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

import strawberry

from gateway.queries.source_history import source_history
from gateway.queries.source_history.query import SourceHistoryQuery
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.scalars import clamp
from gateway.schema.source import SourceType, to_source
from history import source_record
from history.kline_check import KlineVerdict
from history.source_record import RecordedState
from rates.clock import format_span_ms
from rates.source import Source

ItsSource = Annotated[Source, strawberry.argument(description="The source.")]
From = Annotated[datetime, strawberry.argument(name="from", description="The beginning of the time.")]
To = Annotated[
    datetime, strawberry.argument(name="to", description="The end of the time, at most 240 days later.")
]


@strawberry.type(name="SourcePeriod", description="A time in which a source had one state.")
class SourcePeriodType:
    start: datetime = described("The beginning of the period.", name="from")
    end: datetime = described("The end of the period.", name="to")
    state: RecordedState = described(
        "The state by the rules of `sources`; UNKNOWN where nothing was recorded."
    )
    reason: str | None = described(
        "The reason that `sources` gave when the period began, for people; null without one."
    )

    @classmethod
    def of(cls, value: source_record.SourcePeriod) -> Self:
        return cls(start=value.start, end=value.end, state=value.state, reason=value.reason)


@strawberry.type(
    name="SourcePoint",
    description="Figures of a source in a span of time. They are of `recordedMs` of it only, and null where that is 0.",
)
class SourcePointType:
    start: datetime = described("The beginning of the span, a multiple of `stepMs` in UTC.", name="from")
    end: datetime = described("The end of the span.", name="to")
    recorded_ms: int = described("For how many milliseconds of the span the source was recorded.")
    lag_p50_ms: int | None = described(
        "The median of the milliseconds from observation to arrival of its newer rates, at most 6 % too high; null if none arrived.",
        name="lagP50Ms",
    )
    lag_p99_ms: int | None = described(
        "The same, which 99 % of the rates did not exceed.",
        name="lagP99Ms",
    )
    received_count: int | None = described("The number of newer rates that arrived.")
    refused_count: int | None = described("The number of values that were refused, as in `sources`.")

    @classmethod
    def of(cls, value: source_history.SourcePoint) -> Self:
        return cls(
            start=value.start,
            end=value.end,
            recorded_ms=clamp(format_span_ms(value.recorded)),
            lag_p50_ms=None if value.lag_p50_ms is None else clamp(value.lag_p50_ms),
            lag_p99_ms=None if value.lag_p99_ms is None else clamp(value.lag_p99_ms),
            received_count=None if value.received is None else clamp(value.received),
            refused_count=None if value.refused is None else clamp(value.refused),
        )


@strawberry.type(
    name="MinuteChecks",
    description="Minutes of all instruments of a source by their comparison with its own candles.",
)
class MinuteChecksType:
    equal_count: int = described("The number of minutes that are equal to those of the source.")
    differing_count: int = described(
        "The number of minutes that differ. The operator can look both values up."
    )
    filled_count: int = described(
        "The number of minutes that were not whole here, and are the source's own candles now."
    )
    unanswered_count: int = described("The number of minutes of which the source has no candle.")

    @classmethod
    def of(cls, value: Mapping[KlineVerdict, int]) -> Self:
        return cls(
            equal_count=clamp(value.get(KlineVerdict.EQUAL, 0)),
            differing_count=clamp(value.get(KlineVerdict.DIFFERS, 0)),
            filled_count=clamp(value.get(KlineVerdict.FILLED, 0)),
            unanswered_count=clamp(value.get(KlineVerdict.NOT_CHECKED, 0)),
        )


@strawberry.type(
    name="SourceHistory",
    description="The states of a source, the delay of its rates and its refusals, as they were recorded.",
)
class SourceHistoryType:
    source: SourceType = described("The source.")
    start: datetime = described("The beginning of the time, as requested.", name="from")
    end: datetime = described("The end of the time, as requested.", name="to")
    periods: list[SourcePeriodType] = described(
        "The states, in the order of time and without a hole. The newest seconds, at most 15, may be in none yet."
    )
    has_more_periods: bool = described(
        "Whether there are so many periods, over 500, that the earlier ones are left out."
    )
    points: list[SourcePointType] = described(
        "Figures of equal spans, up to 240 and up to now, in the order of time and without a hole."
    )
    step_ms: int = described(
        "The length of a point: a minute for up to 4 hours, 15 minutes for up to 60 hours, an hour for up to 10 days, 4 hours for up to 40 days, else a "
        "day."
    )
    earliest: datetime | None = described(
        "The first day of which anything was recorded, in UTC; null if there is none."
    )
    minutes_checked: MinuteChecksType = described(
        "The minutes of this time that were compared with the source's own candles."
    )
    simulated: bool = described("Whether the bundled simulator stands in for this source.")

    @classmethod
    def of(cls, value: source_history.SourceHistory) -> Self:
        return cls(
            source=to_source(value.query.source),
            start=value.query.start,
            end=value.query.end,
            periods=[SourcePeriodType.of(each) for each in value.periods],
            has_more_periods=value.has_more_periods,
            points=[SourcePointType.of(each) for each in value.points],
            step_ms=format_span_ms(value.step),
            earliest=value.earliest,
            minutes_checked=MinuteChecksType.of(value.verdicts),
            simulated=value.simulated,
        )


async def resolve_source_history(
    info: Info, source: ItsSource, start: From, end: To
) -> SourceHistoryType | None:
    found = await info.context.history.sources.read(SourceHistoryQuery(source, start, end))
    info.context.metadata.no_store = True
    return SourceHistoryType.of(found)
