"""Answers to market data requests, the same over WebSocket and REST.

Pure: market in, plain values out.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from simulator.binance import errors
from simulator.binance.exchange_info import exchange_info
from simulator.binance.klines import klines
from simulator.markets import BinanceMarket, Listing

Params = Mapping[str, object]

SYMBOL = re.compile(errors.SYMBOL_RANGE)
STATUSES = ("TRADING", "HALT", "BREAK")
MINI_FIELDS = (
    "openPrice",
    "highPrice",
    "lowPrice",
    "lastPrice",
    "volume",
    "quoteVolume",
    "openTime",
    "closeTime",
    "firstId",
    "lastId",
    "count",
)
_TICKER_PARAMS = ("symbol", "symbols", "symbolStatus")
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "ping": (),
    "time": (),
    "exchangeInfo": ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
    "ticker.price": _TICKER_PARAMS,
    "ticker.book": _TICKER_PARAMS,
    "ticker.24hr": (*_TICKER_PARAMS, "type"),
    "klines": ("symbol", "interval", "startTime", "endTime", "timeZone", "limit"),
}
METHODS = frozenset(_KNOWN)


def weight(method: str, params: Params) -> int:
    """The request weight [exchanges.md 1.5]."""
    if method in ("ping", "time"):
        return 1
    if method == "exchangeInfo":
        return 20
    if method == "klines":
        return 2
    if method != "ticker.24hr":
        return 2 if "symbol" in params else 4
    return _day_weight(params)


def _day_weight(params: Params) -> int:
    symbols = params.get("symbols")
    count = 1 if "symbol" in params else len(symbols) if isinstance(symbols, list) else 101
    return 2 if count <= 20 else 40 if count <= 100 else 80


def asks_for_prices(method: str) -> bool:
    """Whether the request asks for prices, which starts a waiting replay."""
    return method.startswith("ticker.")


def answer(method: str, params: Params, market: BinanceMarket, weight_limit: int, now_ms: int) -> object:
    """The result of one of `METHODS`.

    Raises:
        BinanceError: invalid parameters or unknown symbols.
    """
    _refuse_unknown(method, params)
    if method == "ping":
        return {}
    if method == "time":
        return {"serverTime": now_ms}
    if method == "exchangeInfo":
        return exchange_info(_listed_info(market, params), weight_limit, now_ms)
    if method == "klines":
        return klines(market, _listing(market, params.get("symbol"), "symbol").symbol, params, now_ms)
    return _tickers(market, params, _TICKERS[method](params))


def _refuse_unknown(method: str, params: Params) -> None:
    known = sum(name in _KNOWN[method] for name in params)
    if known < len(params):
        raise errors.unread(known, len(params))


_Ticker = Callable[[BinanceMarket, str], Mapping[str, object] | None]


def _tickers(market: BinanceMarket, params: Params, ticker: _Ticker) -> object:
    if "symbol" in params:
        if "symbols" in params:
            raise errors.bad_combination()
        listing = _listing(market, params["symbol"], "symbol")
        if not _has_status(listing, params):
            raise errors.status_mismatch()
        # A symbol without a recorded price yet is listed without the unknown fields.
        return {"symbol": listing.symbol, **(ticker(market, listing.symbol) or {})}
    found = ((listing.symbol, ticker(market, listing.symbol)) for listing in _several(market, params))
    return [{"symbol": symbol, **fields} for symbol, fields in found if fields is not None]


def _several(market: BinanceMarket, params: Params) -> Iterable[Listing]:
    listings = _named(market, params) if "symbols" in params else list(market.listings().values())
    return [listing for listing in listings if _has_status(listing, params)]


def _named(market: BinanceMarket, params: Params) -> list[Listing]:
    symbols = params["symbols"]
    if not isinstance(symbols, list):
        raise errors.malformed("symbols")
    if not symbols:
        raise errors.empty("symbols")
    # One unknown symbol fails the whole request.
    listings = [_listing(market, symbol, "symbols") for symbol in symbols]
    if len(set(symbols)) < len(symbols):
        raise errors.repeated_symbol()
    return listings


def _listing(market: BinanceMarket, symbol: object, parameter: str) -> Listing:
    if not isinstance(symbol, str):
        raise errors.malformed(parameter)
    if not symbol:
        raise errors.empty(parameter)
    if not SYMBOL.match(symbol):
        raise errors.illegal_characters(parameter)
    listing = market.listings().get(symbol)
    if listing is None:
        raise errors.bad_symbol()
    return listing


def _has_status(listing: Listing, params: Params) -> bool:
    status = params.get("symbolStatus")
    if status is not None and status not in STATUSES:
        raise errors.bad_symbol_status()
    return status is None or listing.status == status


def _listed_info(market: BinanceMarket, params: Params) -> Iterable[Listing]:
    if sum(name in params for name in ("symbol", "symbols", "permissions")) > 1:
        raise errors.bad_combination()
    if "symbol" in params:
        return [_listing(market, params["symbol"], "symbol")]
    return _several(market, params)


def _price(market: BinanceMarket, symbol: str) -> Mapping[str, object] | None:
    price = market.last_price(symbol)
    return None if price is None else {"price": price}


def _book(market: BinanceMarket, symbol: str) -> Mapping[str, object] | None:
    return market.book_ticker(symbol)


def _day(market: BinanceMarket, symbol: str) -> Mapping[str, object] | None:
    return market.ticker_24h(symbol)


def _mini_day(market: BinanceMarket, symbol: str) -> Mapping[str, object] | None:
    fields = market.ticker_24h(symbol)
    return None if fields is None else {name: fields[name] for name in MINI_FIELDS if name in fields}


def _day_of_type(params: Params) -> _Ticker:
    match params.get("type", "FULL"):
        case "FULL":
            return _day
        case "MINI":
            return _mini_day
        case _:
            raise errors.bad_ticker_type()


_TICKERS: Mapping[str, Callable[[Params], _Ticker]] = {
    "ticker.price": lambda _params: _price,
    "ticker.book": lambda _params: _book,
    "ticker.24hr": _day_of_type,
}
