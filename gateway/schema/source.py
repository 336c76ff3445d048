"""The GraphQL type of a source."""

from functools import cache
from typing import Self

import strawberry

from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import source_id
from gateway.schema.node import Node
from rates.clock import format_span_ms
from rates.source import Source, SourceKind


def _ttl_ms(root: "SourceType", info: Info) -> int:
    return format_span_ms(info.context.rates.ttl[root.code])


@strawberry.type(name="Source", description="A publisher of rates: an exchange or an aggregator.")
class SourceType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Source:BINANCE`.")
    code: Source = described("The value that arguments take.")
    name: str = described("Display name, e.g. `OKX`.")
    kind: SourceKind = described("Whether it is an exchange or an aggregator.")
    homepage: str = described("Its home page.")
    ttl_ms: int = strawberry.field(
        resolver=_ttl_ms, description="Milliseconds for which a rate of this source is FRESH."
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
