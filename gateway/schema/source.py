"""The GraphQL type of a source."""

from functools import cache
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from gateway.schema.arguments import UNSET
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import source_id
from gateway.schema.instrument_arguments import After, Before, Filter, First, Last, OrderBy, PageArgs
from gateway.schema.node import Node
from rates.clock import format_span_ms
from rates.source import Source, SourceKind

if TYPE_CHECKING:
    from gateway.schema.instruments import InstrumentConnection
    from gateway.schema.source_status import SourceStatusType

Code = Annotated[Source, strawberry.argument(description="The code of the source.")]
Connection = Annotated["InstrumentConnection", strawberry.lazy("gateway.schema.instruments")]
Status = Annotated["SourceStatusType", strawberry.lazy("gateway.schema.source_status")]


def _ttl_ms(root: "SourceType", info: Info) -> int:
    return format_span_ms(info.context.rates.ttl[root.code])


def _status(root: "SourceType", info: Info) -> Status | None:
    from gateway.schema.source_status import SourceStatusType  # noqa: PLC0415 - a circle of types

    info.context.metadata.no_store = True
    info.context.rates.check_loaded()
    return SourceStatusType.of(info.context.rates.source_status(root.code))


def _instruments(  # noqa: PLR0917 - GraphQL passes them by name
    root: "SourceType",
    info: Info,
    wanted: Filter = UNSET,
    order_by: OrderBy = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Connection | None:
    from gateway.schema.instruments import read_page  # noqa: PLC0415 - a circle of types

    args = PageArgs.of(wanted, order_by, first, after, last, before)
    return read_page(info, args.of_source(root.code))


@strawberry.type(name="Source", description="A publisher of rates: an exchange or an aggregator.")
class SourceType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Source:BINANCE`.")
    code: Source = described("The code of the source, as arguments take it.")
    name: str = described("The display name, e.g. OKX.")
    kind: SourceKind = described("Whether it is an exchange or an aggregator.")
    homepage: str = described("The address of the home page.")
    ttl_ms: int = strawberry.field(
        resolver=_ttl_ms, description="The TTL of the source: the milliseconds for which its rates are FRESH."
    )
    status: Status | None = strawberry.field(
        resolver=_status, description="The present status of the source, with the reason."
    )
    instruments: Connection | None = strawberry.field(
        resolver=_instruments, description="The instruments that are tracked from the source."
    )

    @classmethod
    def of(cls, value: Source) -> Self:
        return cls(
            id=strawberry.ID(source_id(value)),
            code=value,
            name=value.display_name,
            kind=value.kind,
            homepage=value.homepage,
        )


@cache
def to_source(value: Source) -> SourceType:
    """Return the object of a source. All answers share it: it is constant."""
    return SourceType.of(value)


def resolve_source(code: Code) -> SourceType | None:
    return to_source(code)
