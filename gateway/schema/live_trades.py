"""The GraphQL type and field of the `trades` subscription."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Self

import strawberry

from gateway.queries.trades.reader import DEFAULT_TRADES
from gateway.schema.arguments import UNSET, MaxSilenceMs, OneSymbol, SampleIntervalMs, none_if_unset
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.streams import convert_each
from gateway.schema.trades import ItsSource, TradeType
from gateway.subscriptions import trades_event
from gateway.subscriptions.delivery_options import parse_delivery_options
from gateway.subscriptions.event import EventKind
from gateway.subscriptions.trades_event import LiveTradesArgs, check_live_trades
from history.trade_tape import TAPE_LENGTH
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

LastTrades = Annotated[
    int,
    strawberry.argument(
        description=f"The largest number of trades in the SNAPSHOT, the newest ones, 0 to {TAPE_LENGTH}."
    ),
]
AfterTrades = Annotated[
    str | None,
    strawberry.argument(
        description="The cursor of the last event. The SNAPSHOT then has only the trades that have followed, with `recovered: true`. If others "
        "may be missing since, a GAP and a full SNAPSHOT come."
    ),
]


@strawberry.type(name="TradesEvent", description="One event of the `trades` subscription.")
class TradesEventType:
    kind: EventKind = described("The kind of the event.")
    items: list[TradeType] = described(
        "On a SNAPSHOT: the last trades, the newest last; with `recovered: true` those that have followed the cursor. On an UPDATE: those "
        "that have followed the event before. Each is sent once, in the order in which the source published them."
    )
    cursor: str = described(
        "The position of this event, an opaque text. Pass it as `after` to resume the same subscription, on any gateway."
    )
    conflated_count: int = described(
        f"The number of trades before `items` that were left out, because there were more than {TAPE_LENGTH} since the last event."
    )
    recovered: bool | None = described(
        "On a SNAPSHOT with `after`, or after a GAP: whether the gateway knows all trades since. Null without `after`, and on other events."
    )
    sent_at: datetime = described("The time of the event.")

    @classmethod
    def of(cls, value: trades_event.TradesEvent) -> Self:
        return cls(
            kind=value.kind,
            items=[TradeType.of(each) for each in value.items],
            cursor=value.cursor,
            conflated_count=value.conflated_count,
            recovered=value.recovered,
            sent_at=value.sent_at,
        )


async def subscribe_trades(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    symbol: OneSymbol,
    source: ItsSource,
    last: LastTrades = DEFAULT_TRADES,
    sample_interval_ms: SampleIntervalMs = 0,
    max_silence_ms: MaxSilenceMs = 15_000,
    after: AfterTrades = UNSET,
) -> AsyncGenerator[TradesEventType | None, None]:
    options = parse_delivery_options(sample_interval_ms, 0, max_silence_ms)
    query = read_live_trades(symbol=symbol, source=source, last=last)
    metadata = info.context.metadata

    def convert(event: trades_event.TradesEvent) -> TradesEventType:
        metadata.cursor = event.cursor
        return TradesEventType.of(event)

    after_cursor = metadata.resume_from or none_if_unset(after) or None
    return convert_each(convert, info.context.live_queries.iterate(query, options, after_cursor))


def read_live_trades(*, symbol: Symbol, source: Source, last: int) -> LiveTradesArgs:
    """Read the query from the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    query = LiveTradesArgs(TickerKey(source, symbol), last)
    check_live_trades(query)
    return query
