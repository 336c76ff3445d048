"""Kraken's names of assets, and what others call them. Pure.

WebSocket v2 says `BTC/USD` where the REST listing says `XBT/USD` in its `wsname`; and what Kraken calls LUNA is the old
chain's coin, which everybody else calls LUNC, and its LUNA2 everybody's LUNA.
"""

# From the listing's names to those of WebSocket v2 [ccxt, kraken commonCurrencies].
_V2_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
# From Kraken's names to everybody's.
_OUR_NAMES = {"LUNA": "LUNC", "LUNA2": "LUNA"}


def v2_asset(listed: str) -> str:
    """The asset as WebSocket v2 spells it, from a half of the listing's `wsname`."""
    return _V2_NAMES.get(listed, listed)


def our_asset(v2_name: str) -> str:
    """The asset as we spell it."""
    return _OUR_NAMES.get(v2_name, v2_name)
