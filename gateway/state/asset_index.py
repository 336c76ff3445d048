"""Lookups of assets by id and by code.

They are the reviewed ones, and others that tracked instruments mean.
"""

from collections.abc import Iterable
from functools import cache

from gateway.state.spelling import SpellingIndex
from instruments.identity.asset_table import Asset, reviewed_assets
from instruments.instrument import Instrument

MAX_SUGGESTIONS = 3
MIN_SIMILARITY = 0.6


def base_asset_of(instrument: Instrument) -> Asset | None:
    """Return the asset that an instrument prices; `None` where nobody has reviewed it."""
    return _asset(instrument.base_asset, instrument.symbol.base, instrument.name)


def quote_asset_of(instrument: Instrument) -> Asset | None:
    """Return the asset that an instrument is priced in; `None` where nobody has reviewed it."""
    return _asset(instrument.quote_asset, instrument.symbol.quote, instrument.symbol.quote)


class AssetIndex:
    """The reviewed assets, and those that operators or CoinGecko name for tracked instruments."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        table = reviewed_assets()
        found = (asset for each in instruments for asset in (base_asset_of(each), quote_asset_of(each)))
        self._others = {asset.id: asset for asset in found if asset and table.asset(asset.id) is None}
        self._others_by_code = {asset.code: asset for asset in self._others.values()}

    def find(self, asset_id: str) -> Asset | None:
        """Return the asset with this id; `None` if there is none."""
        return reviewed_assets().asset(asset_id) or self._others.get(asset_id)

    def owner(self, code: str) -> Asset | None:
        """Return the asset with this code; `None` if there is none."""
        return reviewed_assets().owner(code) or self._others_by_code.get(code)

    def suggest(self, code: str) -> list[str]:
        """Return the codes closest in spelling, best first."""
        upper = code.upper()[:20]
        if upper != code and self.owner(upper):
            return [upper]
        return _reviewed_codes().find_similar(upper, count=MAX_SUGGESTIONS, cutoff=MIN_SIMILARITY)


def _asset(asset_id: str | None, code: str, name: str) -> Asset | None:
    if asset_id is None:
        return None
    return reviewed_assets().asset(asset_id) or Asset(asset_id, code, name)


@cache
def _reviewed_codes() -> SpellingIndex:
    return SpellingIndex(reviewed_assets().codes())
