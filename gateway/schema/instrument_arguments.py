"""Arguments of lists of instruments."""

from typing import Annotated, NamedTuple, Self

import strawberry

# Strawberry reads the annotations of an input when it is defined: the enums must be registered before.
from gateway.schema import enums as enums  # noqa: PLC0414 - imported for what it does
from gateway.schema.arguments import UNSET, none_if_unset
from gateway.schema.scalars import AssetCode
from gateway.state.instrument_pages import ListFilter, ListOrder, OrderDirection, OrderField, PageRequest
from instruments.listed import TradingStatus
from rates.errors import InvalidArgument
from rates.source import Source


@strawberry.input(
    name="InstrumentFilter",
    description="Conditions that an instrument must meet. A condition that is left out or null is not checked.",
)
class FilterInput:
    source: Source | None = strawberry.field(default=UNSET, description="The source that publishes it.")
    base: AssetCode | None = strawberry.field(
        default=UNSET, description="The base asset, which the price is of."
    )
    quote: AssetCode | None = strawberry.field(
        default=UNSET, description="The quote asset, which the price is in."
    )
    status: TradingStatus | None = strawberry.field(
        default=UNSET, description="Whether the source trades it."
    )
    search: str | None = strawberry.field(
        default=UNSET,
        description="A text in the symbol, the source's symbol or code, or the name of the base asset, e.g. `btcusdt`, `BTC-USD`, `xbt` or "
        "`bitcoin`. Case and separators are ignored. At most 100 characters and 8 words.",
    )


@strawberry.input(
    name="InstrumentOrder", description="The order of instruments. Ties are ordered by symbol and source."
)
class OrderInput:
    field: OrderField = strawberry.field(default=OrderField.SYMBOL, description="The value to order by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction.")


Filter = Annotated[
    FilterInput | None,
    strawberry.argument(
        name="filter", description="The instruments to list. Default: all tracked instruments."
    ),
]
OrderBy = Annotated[
    OrderInput | None,
    strawberry.argument(description="The order. Default: by relevance with a `search`, otherwise by symbol."),
]
First = Annotated[
    int | None,
    strawberry.argument(
        description="Length of a page that begins at the start or after `after`, 0 to 200. Without `first` and `last`, a page has 50 "
        "instruments, and with only `before` it is the page before that cursor."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Cursor after which the page begins.")]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="Length of a page that ends at the end or before `before`, 0 to 200. Not together with `first`."
    ),
]
Before = Annotated[str | None, strawberry.argument(description="Cursor before which the page ends.")]


class PageArgs(NamedTuple):
    """The parsed arguments of a list of instruments."""

    filter: ListFilter
    order: ListOrder | None
    page: PageRequest

    @classmethod
    def of(  # noqa: PLR0917 - in the order of the arguments
        cls,
        wanted: FilterInput | None,
        order_by: OrderInput | None,
        first: int | None,
        after: str | None,
        last: int | None,
        before: str | None,
    ) -> Self:
        """Parse the arguments.

        Raises:
            InvalidArgument: a code in lower case.
        """
        order = none_if_unset(order_by)
        page = PageRequest(
            none_if_unset(first), none_if_unset(after), none_if_unset(last), none_if_unset(before)
        )
        return cls(
            read_filter(none_if_unset(wanted)),
            None if order is None else ListOrder(order.field, order.direction),
            page,
        )

    def of_asset(self, asset_id: str) -> Self:
        """Restrict the list to instruments that price an asset."""
        return self._replace(filter=self.filter._replace(base_asset=asset_id))

    def of_source(self, source: Source) -> Self:
        """Restrict the list to instruments of a source.

        Raises:
            InvalidArgument: the filter names another source.
        """
        named = self.filter.source
        if named is not None and named != source:
            raise InvalidArgument("filter.source", named.name, f"{source.name}, or none")
        return self._replace(filter=self.filter._replace(source=source))


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
