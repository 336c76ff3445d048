"""The GraphQL type and field of the `candles` subscription."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Self

import strawberry

from gateway.queries.candles.query import UTC_NAME
from gateway.schema.arguments import UNSET, MaxSilenceMs, SampleIntervalMs, none_if_unset
from gateway.schema.candles import CandleType, IntervalArgument, ItsSource, TimeZone
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.rates import UnavailableRateType
from gateway.schema.streams import convert_each
from gateway.subscriptions import candles_event
from gateway.subscriptions.candles_event import LiveCandlesArgs, check_live_candles
from gateway.subscriptions.delivery_options import parse_delivery_options
from gateway.subscriptions.event import EventKind
from history.interval import Interval
from rates.source import Source
from rates.symbol import Symbol

SAMPLE_INTERVAL_MS = 250

CandleSymbols = Annotated[
    list[Symbol], strawberry.argument(description="The symbols, 1 to 50. Each is answered once.")
]
LastClosed = Annotated[
    int,
    strawberry.argument(
        description="The largest number of closed candles of each symbol in the SNAPSHOT, before the one that is forming, 0 to 999."
    ),
]
AfterCandles = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last event. The SNAPSHOT then has only the candles that may have changed since, with `recovered: "
        "true`. If trades may be missing since, or more than 1000 candles are over, a GAP and a full SNAPSHOT come."
    ),
]


@strawberry.type(name="CandlesEvent", description="One event of the `candles` subscription.")
class CandlesEventType:
    kind: EventKind = described("The kind of the event.")
    items: list[CandleType] = described(
        "On a SNAPSHOT: the candle of each symbol that is forming, and the closed ones before it that were requested. On an UPDATE: the "
        "candles that have changed. Replace those with the same id; a closed one may change for two minutes."
    )
    unavailable: list[UnavailableRateType] = described(
        "On a SNAPSHOT: the requested symbols that no source tracks and of which there is no history."
    )
    cursor: str = described(
        "The position of this event, an opaque text. Pass it as `after` to resume the same subscription, on any gateway."
    )
    conflated_count: int = described("The number of updates since the last event that newer values replaced.")
    throttled: bool = described(
        "Whether there is at most one event a second, because your budget of streams is spent."
    )
    recovered: bool | None = described(
        "On a SNAPSHOT with `after`, or after a GAP: whether the gateway knows all that has changed since. Null without `after`, and on "
        "other events."
    )
    sent_at: datetime = described("The time of the event.")

    @classmethod
    def of(cls, value: candles_event.CandlesEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[CandleType.of(each) for each in value.items],
            unavailable=[UnavailableRateType.of(each) for each in value.unavailable],
            cursor=value.cursor,
            conflated_count=value.conflated_count,
            throttled=value.throttled,
            recovered=value.recovered,
            sent_at=value.sent_at,
        )


async def subscribe_candles(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbols: CandleSymbols,
    interval: IntervalArgument,
    source: ItsSource = UNSET,
    last: LastClosed = 0,
    time_zone: TimeZone = UTC_NAME,
    sample_interval_ms: SampleIntervalMs = SAMPLE_INTERVAL_MS,
    max_silence_ms: MaxSilenceMs = 15_000,
    after: AfterCandles = UNSET,
) -> AsyncGenerator[CandlesEventType | None, None]:
    options = info.context.limit(parse_delivery_options(sample_interval_ms, 0, max_silence_ms))
    query = read_live_candles(
        symbols=symbols, interval=interval, source=source, last=last, time_zone=time_zone
    )
    metadata = info.context.metadata

    def convert(event: candles_event.CandlesEvent) -> CandlesEventType:
        metadata.cursor = event.cursor
        return CandlesEventType.of(event)

    after_cursor = metadata.resume_from or none_if_unset(after) or None
    return convert_each(convert, info.context.live_queries.iterate(query, options, after_cursor))


def read_live_candles(
    *, symbols: list[Symbol], interval: Interval, source: Source | None, last: int, time_zone: str
) -> LiveCandlesArgs:
    """Read the query from the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    query = LiveCandlesArgs(tuple(dict.fromkeys(symbols)), interval, none_if_unset(source), last, time_zone)
    check_live_candles(query)
    return query
