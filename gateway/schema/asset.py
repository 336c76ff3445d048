"""The GraphQL type and field of assets."""

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

from gateway.schema.arguments import UNSET
from gateway.schema.context import Info
from gateway.schema.field import described
from gateway.schema.global_id import asset_id
from gateway.schema.instrument_arguments import After, Before, Filter, First, Last, OrderBy, PageArgs
from gateway.schema.node import Node
from gateway.schema.scalars import AssetCode
from instruments.identity.asset_table import Asset
from rates.errors import UnknownAsset

if TYPE_CHECKING:
    from gateway.schema.instruments import InstrumentConnection

MAX_CACHED = 4096

Code = Annotated[AssetCode, strawberry.argument(description="The code of the asset, e.g. BTC.")]
Connection = Annotated["InstrumentConnection", strawberry.lazy("gateway.schema.instruments")]


def _instruments(  # noqa: PLR0917 - GraphQL passes them by name
    root: "AssetType",
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
    return read_page(info, args.of_asset(root.asset.id))


@strawberry.type(
    name="Asset", description="A coin or currency. Its code is unique, whatever code each source uses."
)
class AssetType(Node):
    id: strawberry.ID = described("Globally unique, e.g. `Asset:bitcoin`.")
    code: AssetCode = described("The code in symbols, e.g. BTC.")
    name: str = described("The display name, e.g. Bitcoin.")
    instruments: Connection | None = strawberry.field(
        resolver=_instruments,
        description="The tracked instruments that have this asset as base, under any code.",
    )
    asset: strawberry.Private[Asset]

    @classmethod
    def of(cls, value: Asset) -> Self:
        return cls(
            id=strawberry.ID(asset_id(value.id)), code=AssetCode(value.code), name=value.name, asset=value
        )


@lru_cache(MAX_CACHED)
def to_asset(value: Asset) -> AssetType:
    """Return the object of an asset. All answers share it: it is constant."""
    return AssetType.of(value)


def resolve_asset(info: Info, code: Code) -> AssetType | None:
    """Return the asset with this code.

    Raises:
        UnknownAsset: no asset has it.
    """
    info.context.rates.check_loaded()
    assets = info.context.catalog.assets
    found = assets.owner(code)
    if found is None:
        raise UnknownAsset(code, near=assets.suggest(code), reviewed=True)
    return to_asset(found)
