"""The GraphQL type and field of trades."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

import strawberry

from gateway.queries.trades.reader import DEFAULT_TRADES, TradesQuery
from gateway.schema.arguments import OneSymbol
from gateway.schema.context import Info
from gateway.schema.field import described
from history import trade
from history.trade import Side
from history.trade_tape import TAPE_LENGTH
from rates.source import Source
from rates.ticker import TickerKey

ItsSource = Annotated[Source, strawberry.argument(description="The source of the trades.")]
Last = Annotated[
    int,
    strawberry.argument(description=f"The largest number of trades, the newest ones, 1 to {TAPE_LENGTH}."),
]


@strawberry.type(name="Trade", description="One trade, as its source published it.")
class TradeType:
    source_trade_id: str = described(
        "The id that the source gave it, unique within the instrument. Where several trades are reported as one, that of the last."
    )
    price: Decimal = described("The price of one unit of base in units of quote.")
    quantity: Decimal = described("The traded amount of base.")
    time: datetime = described("The time of the trade at the source.")
    side: Side | None = described("The side of the taker; null if the source does not publish it.")
    count: int = described("The number of trades that are reported as this one.")
    after_gap: bool = described(
        "Whether trades may be missing between the one before and this one. So of the first one that is known."
    )

    @classmethod
    def of(cls, value: trade.Trade) -> Self:
        return cls(
            source_trade_id=_read_id(value),
            price=value.price,
            quantity=value.quantity,
            time=value.time,
            side=value.side,
            count=value.count,
            after_gap=value.after_gap,
        )


def _read_id(value: trade.Trade) -> str:
    return str(value.id)


READ_TRADE: Mapping[str, Callable[[trade.Trade], Any]] = {"source_trade_id": _read_id}
"""The reader of each field of a `Trade` that is not an attribute."""


async def resolve_trades(
    info: Info, symbol: OneSymbol, source: ItsSource, last: Last = DEFAULT_TRADES
) -> list[TradeType] | None:
    found = await info.context.history.trades.read(TradesQuery(TickerKey(source, symbol), last))
    info.context.metadata.no_store = True
    return [TradeType.of(each) for each in found]
