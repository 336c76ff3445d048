"""The GraphQL types and fields of instruments, alone and in pages."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from gateway.queries.rates_query import OnStale
from gateway.schema.arguments import (
    UNSET,
    MaxAgeMs,
    MaxTradeAgeMs,
    OneSymbol,
    OnStaleArgument,
    read_policy,
)
from gateway.schema.asset import AssetType, to_asset
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import instrument_id
from gateway.schema.instrument_arguments import After, Before, Filter, First, Last, OrderBy, PageArgs
from gateway.schema.node import Node
from gateway.schema.scalars import AssetCode
from gateway.schema.source import SourceType, to_source
from gateway.state.asset_index import base_asset_of, quote_asset_of
from gateway.state.instrument_pages import InstrumentPage
from instruments import instrument
from instruments.listed import TradingStatus
from rates.errors import RateStale, RateUnavailable, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol

if TYPE_CHECKING:
    from gateway.schema.rates import RateType

OneRate = Annotated["RateType", strawberry.lazy("gateway.schema.rates")]
ItsSource = Annotated[Source, strawberry.argument(description="The source that publishes it.")]


def _rate(
    root: "InstrumentType",
    info: Info,
    max_age_ms: MaxAgeMs = UNSET,
    on_stale: OnStaleArgument = OnStale.RETURN,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> OneRate | None:
    from gateway.schema.rates import RateType  # noqa: PLC0415 - a circle of types

    policy = read_policy(max_age_ms, on_stale, max_trade_age_ms)
    try:
        answer = info.context.rates.rate(root.symbol, root.source.code, policy)
    except RateStale:
        raise
    except (RateUnavailable, UnknownSymbol):
        return None
    if answer is None:
        return None
    info.context.metadata.note_rates([answer], policy)
    return RateType.of(answer)


def _rates(
    root: "InstrumentType",
    info: Info,
    max_age_ms: MaxAgeMs = UNSET,
    on_stale: OnStaleArgument = OnStale.RETURN,
    max_trade_age_ms: MaxTradeAgeMs = UNSET,
) -> list[OneRate] | None:
    from gateway.schema.rates import RateType  # noqa: PLC0415 - a circle of types

    policy = read_policy(max_age_ms, on_stale, max_trade_age_ms)
    answer = info.context.rates.rates_of_asset(root.value, policy)
    info.context.metadata.note_rates(answer, policy)
    return [RateType.of(each) for each in answer]


@strawberry.type(name="Instrument", description="A symbol that is tracked from a source.")
class InstrumentType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Instrument:BINANCE:BTC/USDT`.")
    symbol: Symbol = described("The symbol, e.g. BTC/USDT.")
    base: AssetCode = described("The base asset, which the price is of.")
    quote: AssetCode = described("The quote asset, which the price is in.")
    source: SourceType = described("The source that publishes it.")
    source_symbol: str = described("The name of the instrument at the source, e.g. `BTCUSDT` or `bitcoin`.")
    name: str = described("The name of the base asset, for people.")
    status: TradingStatus = described("Whether the source trades it. A HALTED instrument has no rate.")
    base_asset: AssetType | None = described(
        "The asset that the source means by `base`. Equal ids are the same asset. Null if the asset has not been reviewed: the "
        "rate of the instrument is never merged with those of other sources."
    )
    quote_asset: AssetType | None = described(
        "The asset that the source means by `quote`; null if it has not been reviewed."
    )
    suspect_since: datetime | None = described(
        "The time since which the source is suspected to mean another asset by the code; null if it is not."
    )
    source_status: str | None = described(
        "The status that the source gives a halted instrument; null while it is traded."
    )
    halted_since: datetime | None = described(
        "The time at which `sourceStatus` was first seen; null while it is traded."
    )
    rate: OneRate | None = strawberry.field(
        resolver=_rate,
        description="The rate; null if there is none. The query `rates` gives the reason in `unavailable`. Error: RATE_STALE.",
    )
    rates: list[OneRate] | None = strawberry.field(
        resolver=_rates,
        description="The rates of the symbol from all sources that mean the same assets by it, in the configured order. If an asset has not "
        "been reviewed, only the rate of this instrument. Error: RATE_STALE.",
    )
    value: strawberry.Private[instrument.Instrument]

    @classmethod
    def of(cls, value: instrument.Instrument) -> Self:
        halt = value.halt
        base, quote = base_asset_of(value), quote_asset_of(value)
        return cls(
            id=strawberry.ID(instrument_id(value.source, value.symbol)),
            symbol=value.symbol,
            base=AssetCode(value.symbol.base),
            quote=AssetCode(value.symbol.quote),
            source=to_source(value.source),
            source_symbol=value.source_symbol,
            name=value.name,
            base_asset=None if base is None else to_asset(base),
            quote_asset=None if quote is None else to_asset(quote),
            suspect_since=None if value.suspicion is None else value.suspicion.since,
            status=TradingStatus.TRADING if halt is None else TradingStatus.HALTED,
            source_status=None if halt is None else halt.word,
            halted_since=None if halt is None else halt.since,
            value=value,
        )


@strawberry.type(description="An instrument and its cursor.")
class InstrumentEdge:
    cursor: str = described(
        "The position in the list, an opaque text. Pass it as `after` or `before`, with the same `filter` and `orderBy`. It "
        "stays valid when instruments are added or removed."
    )
    node: InstrumentType = described("The symbol, e.g. BTC/USDT.")


@strawberry.type(description="The position of a page in the list.")
class PageInfo:
    has_next_page: bool = described("Whether the list has instruments after this page.")
    has_previous_page: bool = described("Whether the list has instruments before this page.")
    start_cursor: str | None = described(
        "The cursor of the first instrument on the page; null if the page is empty."
    )
    end_cursor: str | None = described(
        "The cursor of the last instrument on the page; null if the page is empty."
    )


@strawberry.type(description="A page of a list of tracked instruments.")
class InstrumentConnection:
    edges: list[InstrumentEdge] = described("The instruments, with their cursors.")
    nodes: list[InstrumentType] = described("The instruments, without cursors.")
    page_info: PageInfo = described("The position of this page in the list.")
    total_count: int = described("The number of instruments on all pages.")

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


def resolve_instruments(  # noqa: PLR0917 - GraphQL passes them by name
    info: Info,
    wanted: Filter = UNSET,
    order_by: OrderBy = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> InstrumentConnection | None:
    return read_page(info, PageArgs.of(wanted, order_by, first, after, last, before))


def read_page(info: Info, args: PageArgs) -> InstrumentConnection:
    """Return a page of the instruments.

    Raises:
        InvalidArgument: a length out of range, `first` with `last`, too long a search, or a cursor of another list.
        InvalidCursor: not a cursor of this list.
    """
    info.context.rates.check_loaded()
    return InstrumentConnection.of(info.context.catalog.pages.read(args.filter, args.page, args.order))


def resolve_instrument(info: Info, symbol: OneSymbol, source: ItsSource) -> InstrumentType | None:
    """Return one instrument.

    Raises:
        UnknownSymbol: the source does not track it.
    """
    return InstrumentType.of(info.context.rates.instrument(symbol, source))
