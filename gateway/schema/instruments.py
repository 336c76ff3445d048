"""The GraphQL types and fields of instruments, alone and in pages."""

from datetime import datetime
from typing import Annotated, Self

import strawberry

from gateway.schema.arguments import UNSET, none_if_unset
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import instrument_id
from gateway.schema.node import Node
from gateway.schema.scalars import AssetCode
from gateway.schema.source import SourceType, to_source
from gateway.state.instrument_pages import (
    InstrumentPage,
    ListFilter,
    ListOrder,
    OrderDirection,
    OrderField,
    PageRequest,
)
from instruments import instrument
from instruments.listed import TradingStatus
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol


@strawberry.type(name="Instrument", description="One symbol as one source publishes it.")
class InstrumentType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Instrument:BINANCE:BTC/USDT`.")
    symbol: Symbol = described("The instrument.")
    base: AssetCode = described("The asset that is priced.")
    quote: AssetCode = described("The asset that it is priced in.")
    source: SourceType = described("The source that publishes it.")
    source_symbol: str = described("The source's own spelling, e.g. `BTCUSDT` or `bitcoin`.")
    name: str = described("Name of the base asset, for people.")
    status: TradingStatus = described("Whether its source trades it. One that is HALTED is not answered.")
    base_asset: str | None = described(
        "Identity of the base asset, by CoinGecko's id where it has one: equal ids are the same coin, whatever its code. Null where nobody "
        "has reviewed which coin the source means; such an instrument is never merged with others."
    )
    quote_asset: str | None = described("Identity of the quote asset, likewise.")
    suspect_since: datetime | None = described(
        "Since when it is suspected of meaning another asset than other sources do; null where it is not."
    )
    source_status: str | None = described("The source's own word for why it is halted; null while it trades.")
    halted_since: datetime | None = described("When that was seen first; null while it trades.")

    @classmethod
    def of(cls, value: instrument.Instrument) -> Self:
        halt = value.halt
        return cls(
            id=strawberry.ID(instrument_id(value.source, value.symbol)),
            symbol=value.symbol,
            base=AssetCode(value.symbol.base),
            quote=AssetCode(value.symbol.quote),
            source=to_source(value.source),
            source_symbol=value.source_symbol,
            name=value.name,
            base_asset=value.base_asset,
            quote_asset=value.quote_asset,
            suspect_since=None if value.suspicion is None else value.suspicion.since,
            status=TradingStatus.TRADING if halt is None else TradingStatus.HALTED,
            source_status=None if halt is None else halt.word,
            halted_since=None if halt is None else halt.since,
        )


@strawberry.type(description="An instrument and its place in the list.")
class InstrumentEdge:
    cursor: str = described(
        "Place in the list: pass it as `after` or `before`, with the same `filter` and `orderBy`. Opaque. It stays valid when "
        "instruments are added or removed."
    )
    node: InstrumentType = described("The instrument.")


@strawberry.type(description="Where a page lies in the whole list.")
class PageInfo:
    has_next_page: bool = described("Whether instruments follow this page in the whole list.")
    has_previous_page: bool = described("Whether instruments precede this page in the whole list.")
    start_cursor: str | None = described("Cursor of the first instrument on the page; null if it is empty.")
    end_cursor: str | None = described("Cursor of the last instrument on the page; null if it is empty.")


@strawberry.type(description="A page of the tracked instruments.")
class InstrumentConnection:
    edges: list[InstrumentEdge] = described("The instruments with their places.")
    nodes: list[InstrumentType] = described("The instruments alone.")
    page_info: PageInfo = described("Where this page lies in the whole list.")
    total_count: int = described("How many instruments match on all pages.")

    @classmethod
    def of(cls, value: InstrumentPage) -> Self:
        nodes = [InstrumentType.of(each) for each in value.instruments]
        return cls(
            edges=[
                InstrumentEdge(cursor=cursor, node=node)
                for cursor, node in zip(value.cursors, nodes, strict=True)
            ],
            nodes=nodes,
            page_info=PageInfo(
                has_next_page=value.has_next,
                has_previous_page=value.has_previous,
                start_cursor=value.cursors[0] if value.cursors else None,
                end_cursor=value.cursors[-1] if value.cursors else None,
            ),
            total_count=value.total,
        )


@strawberry.input(
    name="InstrumentFilter",
    description="Conditions that instruments must all meet. One that is left out or null is always met.",
)
class FilterInput:
    source: Source | None = strawberry.field(default=UNSET, description="The source that publishes it.")
    base: AssetCode | None = strawberry.field(default=UNSET, description="The asset that is priced.")
    quote: AssetCode | None = strawberry.field(default=UNSET, description="The asset that it is priced in.")
    status: TradingStatus | None = strawberry.field(
        default=UNSET, description="Whether its source trades it."
    )
    search: str | None = strawberry.field(
        default=UNSET,
        description="A text in its symbol, the source's symbol or code, or a name of the base asset. Case, width and separators do "
        "not matter: `btcusdt`, `BTC-USD`, `xbt`, `bitcoin`. At most 100 characters and 8 words.",
    )


@strawberry.input(
    name="InstrumentOrder", description="Order of instruments. Ties are ordered by symbol and source."
)
class OrderInput:
    field: OrderField = strawberry.field(default=OrderField.SYMBOL, description="What to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Ascending or descending."
    )


Filter = Annotated[
    FilterInput | None,
    strawberry.argument(
        name="filter", description="The instruments to list. Left out: all that are tracked."
    ),
]
OrderBy = Annotated[
    OrderInput | None,
    strawberry.argument(description="Their order. Left out: by relevance with a `search`, else by symbol."),
]
First = Annotated[
    int | None,
    strawberry.argument(
        description="Length of a page from the start or after `after`, 0 to 200. Without `first` and `last`, the page has 50 "
        "instruments: those before `before` if only that is given."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Cursor after which the page begins.")]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="Length of a page up to the end or to `before`, 0 to 200. Not together with `first`."
    ),
]
Before = Annotated[str | None, strawberry.argument(description="Cursor before which the page ends.")]


def resolve_instruments(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    wanted: Filter = UNSET,
    order_by: OrderBy = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> InstrumentConnection | None:
    """Return a page of the instruments.

    Raises:
        InvalidArgument: a length out of range, `first` with `last`, too long a search, a code in lower case, or a cursor of
            another list.
        InvalidCursor: not a cursor of this list.
    """
    info.context.rates.check_loaded()
    page = PageRequest(none_if_unset(first), none_if_unset(after), none_if_unset(last), none_if_unset(before))
    order = none_if_unset(order_by)
    return InstrumentConnection.of(
        info.context.catalog.pages.read(
            read_filter(none_if_unset(wanted)),
            page,
            None if order is None else ListOrder(order.field, order.direction),
        )
    )


def read_filter(given: FilterInput | None) -> ListFilter:
    """Read the filter from the argument.

    Raises:
        InvalidArgument: a code in lower case.
    """
    if given is None:
        return ListFilter()
    return ListFilter(
        source=none_if_unset(given.source),
        base=_read_code("filter.base", none_if_unset(given.base)),
        quote=_read_code("filter.quote", none_if_unset(given.quote)),
        status=none_if_unset(given.status),
        search=none_if_unset(given.search),
    )


def _read_code(name: str, code: AssetCode | None) -> str | None:
    if code is not None and code != code.upper():
        raise InvalidArgument(name, code, f"a code in upper case, such as {code.upper()[:60]}")
    return code
