"""Listings with one entry more, whose symbol is null. Pure."""

import json

from simulator.sources import BINANCE, BYBIT, COINBASE, COINGECKO, KRAKEN, OKX

_LISTING_PATHS = (
    "/binance/api/v3/exchangeInfo",
    "/coingecko/api/v3/coins/list",
    "/coinbase/products",
    "/kraken/0/public/AssetPairs",
    "/okx/api/v5/public/instruments",
    "/bybit/v5/market/instruments-info",
)
# Of each source: the path to its entries, the field of an entry's code, and the field of its asset.
_ENTRIES = {
    BINANCE: (("symbols",), "symbol", "baseAsset"),
    COINGECKO: ((), "id", "symbol"),
    COINBASE: ((), "id", "base_currency"),
    KRAKEN: (("result",), "wsname", "base"),
    OKX: (("data",), "instId", "baseCcy"),
    BYBIT: (("result", "list"), "symbol", "baseCoin"),
}
CODE = "NULL-ENTRY"


def is_listing(path: str) -> bool:
    """Whether a URL path is that of a listing."""
    return path.rstrip("/") in _LISTING_PATHS


def add_null_entry(source: str, body: bytes) -> bytes:
    """Add a copy of the listing's first entry, with its own code and a null asset."""
    answer: object = json.loads(body)
    path, code, asset = _ENTRIES[source]
    entries = answer
    for key in path:
        assert isinstance(entries, dict)
        entries = entries[key]
    if isinstance(entries, dict) and entries:
        entries[CODE] = {**next(iter(entries.values())), code: CODE, asset: None}
    elif isinstance(entries, list) and entries:
        entries.append({**entries[0], code: CODE, asset: None})
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
