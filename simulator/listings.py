"""REST listings of the four push feeds, each in its exchange's format.

Sources: Coinbase `GET /products` and Kraken `GET /0/public/AssetPairs` from public clients' fixtures; OKX
`GET /api/v5/public/instruments` and Bybit `GET /v5/market/instruments-info` from their documentation. Most fields about placing
orders are left out.
"""

import json
from collections.abc import Callable, Iterable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.client_limit_monitor import ClientLimitMonitors
from simulator.markets import Listing
from simulator.nanotime import to_ms
from simulator.simulation_loop import SimulationLoop
from simulator.sources import BYBIT, COINBASE, KRAKEN, OKX

# Our status of a trading instrument, and each exchange's.
TRADING = "TRADING"
WORDS = {COINBASE: "online", KRAKEN: "online", OKX: "live", BYBIT: "Trading"}
KRAKEN_OLD_NAMES = {"BTC": "XBT", "DOGE": "XDG"}

_Body = Callable[[Iterable[Listing], int, Mapping[str, str]], object]


def listing_routes(simulation: SimulationLoop, monitors: ClientLimitMonitors) -> list[Route]:
    """Create the routes of all four listings."""

    def route(source: str, path: str, body: _Body) -> Route:
        async def respond(request: Request) -> Response:
            now_ns = simulation.clock()
            monitors.for_source(source).record_call("rest", now_ns)
            venue = simulation.world.venues.get(source)
            listings = venue.listings().values() if venue is not None else ()
            text = json.dumps(body(listings, to_ms(now_ns), request.query_params), separators=(",", ":"))
            return Response(text, media_type="application/json")

        return Route(path, respond)

    return [
        route(COINBASE, "/coinbase/products", _coinbase),
        route(KRAKEN, "/kraken/0/public/AssetPairs", _kraken),
        route(OKX, "/okx/api/v5/public/instruments", _okx),
        route(BYBIT, "/bybit/v5/market/instruments-info", _bybit),
    ]


def _word(source: str, listing: Listing) -> str:
    return WORDS[source] if listing.status == TRADING else listing.status


def _coinbase(listings: Iterable[Listing], _now_ms: int, _query: Mapping[str, str]) -> object:
    return [
        {
            "id": listing.symbol,
            "base_currency": listing.base,
            "quote_currency": listing.quote,
            "quote_increment": listing.tick_size,
            "base_increment": "0.00000001",
            "display_name": f"{listing.base}-{listing.quote}",
            "min_market_funds": "1",
            "margin_enabled": False,
            "post_only": False,
            "limit_only": False,
            "cancel_only": False,
            "status": _word(COINBASE, listing),
            "status_message": "",
            "trading_disabled": listing.status != TRADING,
            "fx_stablecoin": False,
            "max_slippage_percentage": "0.02000000",
            "auction_mode": False,
            "high_bid_limit_percentage": "",
        }
        for listing in listings
    ]


def _kraken(listings: Iterable[Listing], _now_ms: int, query: Mapping[str, str]) -> object:
    # With `assetVersion=1` names are those of v2, as in the recorded Ticker; without it, BTC is XBT and DOGE is XDG.
    modern = query.get("assetVersion") == "1"
    pairs = {}
    for listing in listings:
        base, quote = listing.base or "", listing.quote or ""
        old = KRAKEN_OLD_NAMES.get(base, base)
        name = base if modern else old
        pairs[listing.symbol if modern else old + quote] = {
            "altname": old + quote,
            "wsname": f"{old}/{quote}",
            "aclass_base": "currency",
            "base": name,
            "aclass_quote": "currency",
            "quote": quote,
            "pair_decimals": len((listing.tick_size or "").partition(".")[2]),
            "lot_decimals": 8,
            "tick_size": listing.tick_size,
            "status": _word(KRAKEN, listing),
        }
    return {"error": [], "result": pairs}


def _okx(listings: Iterable[Listing], _now_ms: int, query: Mapping[str, str]) -> object:
    if query.get("instType") != "SPOT":
        return {"code": "51000", "msg": "Parameter instType error", "data": []}
    wanted = query.get("instId")
    data = [
        {
            "instType": "SPOT",
            "instId": listing.symbol,
            "uly": "",
            "instFamily": "",
            "baseCcy": listing.base,
            "quoteCcy": listing.quote,
            "settleCcy": "",
            "listTime": "1548133413000",
            "expTime": "",
            "tickSz": listing.tick_size,
            "lotSz": "0.00000001",
            "minSz": "0.00001",
            "state": _word(OKX, listing),
            "ruleType": "normal",
        }
        for listing in listings
        if wanted in (None, listing.symbol)
    ]
    return {"code": "0", "msg": "", "data": data}


def _bybit(listings: Iterable[Listing], now_ms: int, query: Mapping[str, str]) -> object:
    if query.get("category") != "spot":
        return {
            "retCode": 10001,
            "retMsg": "Illegal category",
            "result": {},
            "retExtInfo": {},
            "time": now_ms,
        }
    wanted = query.get("symbol")
    data = [
        {
            "symbol": listing.symbol,
            "baseCoin": listing.base,
            "quoteCoin": listing.quote,
            "innovation": "0",
            "status": _word(BYBIT, listing),
            "marginTrading": "none",
            "stTag": "0",
            "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.00000001"},
            "priceFilter": {"tickSize": listing.tick_size},
        }
        for listing in listings
        if wanted in (None, listing.symbol)
    ]
    result = {"category": "spot", "list": data}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}
