"""Kraken's codes of assets, and our codes for them. Pure.

WebSocket v2 has `BTC/USD` where the REST listing has `XBT/USD` in its `wsname`. Kraken's LUNA is the coin of the old chain, which
others call LUNC, and its LUNA2 is others' LUNA.
"""

# From the listing's codes to those of WebSocket v2 [ccxt, kraken commonCurrencies].
_V2_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
# From Kraken's codes to the usual ones.
_OUR_NAMES = {"LUNA": "LUNC", "LUNA2": "LUNA"}


def v2_asset(listed: str) -> str:
    """Return the asset's code on WebSocket v2, from a half of the listing's `wsname`."""
    return _V2_NAMES.get(listed, listed)


def our_asset(v2_name: str) -> str:
    """Return our code of an asset."""
    return _OUR_NAMES.get(v2_name, v2_name)
