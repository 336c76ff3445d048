"""The GraphQL types and fields of instruments, alone and in pages."""

from datetime import datetime
from typing import Self

import strawberry

from gateway.schema.field import described
from gateway.schema.global_id import instrument_id
from gateway.schema.node import Node
from gateway.schema.scalars import AssetCode
from gateway.schema.source import SourceType, to_source
from gateway.state.instrument_pages import InstrumentPage
from instruments import instrument
from instruments.listed import TradingStatus
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
    cursor: str = described("Place in the list: pass it as `after` to go on from here. Opaque.")
    node: InstrumentType = described("The instrument.")


@strawberry.type(description="Where a page lies in the whole list.")
class PageInfo:
    has_next_page: bool = described("Whether more instruments follow.")
    has_previous_page: bool = described("Whether instruments precede.")
    start_cursor: str | None = described("Cursor of the first instrument on the page; null if it is empty.")
    end_cursor: str | None = described("Cursor of the last instrument on the page; null if it is empty.")


@strawberry.type(description="A page of the tracked instruments, by symbol and source.")
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
