"""The exchangeInfo answer [shape: exchanges.md 1.6]."""

from collections.abc import Iterable

from simulator.markets import Listing

ORDER_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"]
PREVENTION_MODES = ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]


def exchange_info(listings: Iterable[Listing], weight_limit: int, now_ms: int) -> dict[str, object]:
    """The whole answer for these symbols.

    RateLimits includes CONNECTIONS, as on the WebSocket API.
    """
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, weight_limit),
            _rate_limit("ORDERS", "SECOND", 10, 100),
            _rate_limit("ORDERS", "DAY", 1, 200_000),
            _rate_limit("CONNECTIONS", "MINUTE", 5, 300),
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(listing) for listing in listings],
    }


def _rate_limit(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _symbol(listing: Listing) -> dict[str, object]:
    base = {} if listing.base is None else {"baseAsset": listing.base, "baseAssetPrecision": 8}
    quote = (
        {}
        if listing.quote is None
        else {"quoteAsset": listing.quote, "quotePrecision": 8, "quoteAssetPrecision": 8}
    )
    return {
        "symbol": listing.symbol,
        "status": listing.status,
        **base,
        **quote,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": PREVENTION_MODES,
    }


def _filters(listing: Listing) -> list[dict[str, object]]:
    if listing.tick_size is None:
        return []
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": listing.tick_size,
            "maxPrice": "1000000.00000000",
            "tickSize": listing.tick_size,
        }
    ]
