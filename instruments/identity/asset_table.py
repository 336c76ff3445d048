"""The reviewed table of assets, and the source codes that stand for them.

`assets.csv` holds the assets: a stable id (CoinGecko's where it has one), the code that the asset owns, and its name.
`<source>.csv` holds, for one source, which of its codes stands for which asset. A code in no table is unreviewed: nobody
has checked which coin it is. CoinGecko's ids are identities already and need no table.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources

import msgspec

from rates.source import Source

FOLDER = "instruments.identity"


class Asset(msgspec.Struct, frozen=True):
    """A coin or currency. `code` belongs to it alone.

    Other coins with the same code get a code of their own.
    """

    id: str
    code: str
    name: str


class AssetTable:
    """Looks assets up by id, by code and by a source's code."""

    def __init__(self, assets: Mapping[str, Asset], source_codes: Mapping[Source, Mapping[str, str]]) -> None:
        self._assets = assets
        self._by_code = {asset.code: asset for asset in assets.values()}
        self._source_codes = source_codes
        self._served = {source: frozenset(codes.values()) for source, codes in source_codes.items()}
        self._codes_by_asset: dict[str, dict[Source, list[str]]] = {}
        for source, codes in source_codes.items():
            for code, asset_id in codes.items():
                self._codes_by_asset.setdefault(asset_id, {}).setdefault(source, []).append(code)

    def asset(self, asset_id: str) -> Asset | None:
        """Return the asset with this id; `None` if it is not in the table."""
        return self._assets.get(asset_id)

    def codes(self) -> Iterable[str]:
        """Return the codes of all assets."""
        return self._by_code.keys()

    def owner(self, code: str) -> Asset | None:
        """Return the asset that owns the code; `None` if none does."""
        return self._by_code.get(code)

    def resolve(self, source: Source, source_code: str) -> Asset | None:
        """Return the asset that a code of the source stands for; `None` where it is unreviewed."""
        asset_id = self._source_codes.get(source, {}).get(source_code)
        return None if asset_id is None else self._assets[asset_id]

    def source_codes(self, asset_id: str) -> Mapping[Source, Sequence[str]]:
        """Return the codes that each source has for the asset."""
        return self._codes_by_asset.get(asset_id, {})

    def code(self, source: Source, source_code: str) -> str:
        """Return our code for a code of the source: its asset's, or the same where unreviewed."""
        asset = self.resolve(source, source_code)
        return source_code if asset is None else asset.code

    def identify(self, source: Source, code: str, source_code: str | None = None) -> str | None:
        """Return the id of the asset that our `code` means at this source; `None` where unreviewed.

        With the source's own code, both must mean the same asset: the source's NEIRO is no NEIRO of ours if it is reviewed as
        another coin.
        """
        owner = self._by_code.get(code)
        if owner is None:
            return None
        # CoinGecko prices in currencies of its own list, whose codes are everybody's.
        if source is Source.COINGECKO:
            return owner.id
        if source_code is not None:
            return owner.id if self.resolve(source, source_code) == owner else None
        return owner.id if owner.id in self._served.get(source, ()) else None

    def candidates(self, source_code: str) -> list[Asset]:
        """Return the assets that some source calls by this code, the owner of the code first."""
        found: dict[str, Asset] = {}
        if owner := self._by_code.get(source_code):
            found[owner.id] = owner
        for codes in self._source_codes.values():
            if asset_id := codes.get(source_code):
                found.setdefault(asset_id, self._assets[asset_id])
        return list(found.values())


@cache
def reviewed_assets() -> AssetTable:
    """Return the table that ships with the package."""
    assets = {row["asset_id"]: Asset(row["asset_id"], row["code"], row["name"]) for row in _rows("assets")}
    codes: dict[Source, Mapping[str, str]] = {
        source: {row["code"]: row["asset_id"] for row in _rows(source.value)}
        for source in Source
        if source is not Source.COINGECKO
    }
    return AssetTable(assets, codes)


def _rows(name: str) -> Iterator[dict[str, str]]:
    table = resources.files(FOLDER) / f"{name}.csv"
    # A source without a table is one that nobody has reviewed yet.
    if table.is_file():
        with table.open(encoding="utf-8") as file:
            yield from csv.DictReader(file)
