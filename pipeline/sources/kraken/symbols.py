"""Kraken's names of assets, and the codes that we use for them. Pure.

WebSocket v2 says `BTC/USD` where the REST listing says `XBT/USD` in its `wsname`. The reviewed table
(`instruments/identity/kraken.csv`) has the names that mean another asset than elsewhere: Kraken's LUNA is the old chain's
coin, LUNC to all others, and its REP is Augur v1.
"""

from instruments.identity.asset_table import reviewed_assets
from rates.source import Source

# From the listing's names to those of WebSocket v2 [ccxt, kraken commonCurrencies].
_V2_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
_LISTED_NAMES = {v2: listed for listed, v2 in _V2_NAMES.items()}


def v2_asset(listed: str) -> str:
    """Return the asset's code on WebSocket v2, from a half of the listing's `wsname`."""
    return _V2_NAMES.get(listed, listed)


def listed_asset(v2_name: str) -> str:
    """Return the listing's name of an asset, which the REST API takes."""
    return _LISTED_NAMES.get(v2_name, v2_name)


def our_asset(v2_name: str) -> str:
    """Return our code of an asset."""
    return reviewed_assets().code(Source.KRAKEN, v2_name)
