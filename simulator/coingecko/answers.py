"""Answers of CoinGecko's endpoints as JSON text with the market's exact digits. Pure."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

from simulator.coingecko.numbers import format_json_number
from simulator.coingecko.price_query import PriceQuery
from simulator.markets import CoinGeckoMarket


def simple_price(query: PriceQuery, market: CoinGeckoMarket) -> str:
    """The object of /simple/price, with keys in alphabetical order.

    Unknown coins are left out; unknown currencies give `{}`.
    """
    found = {
        key: _coin_text(coin_id, query, market)
        for key, coin_id in _selected(query, market)
        if market.has_price(coin_id)
    }
    return _object((key, found[key]) for key in sorted(found))


def coins_list(market: CoinGeckoMarket, *, with_platforms: bool, active: bool) -> str:
    """The array of /coins/list; every simulated coin is active."""
    coins = sorted(market.coins().values(), key=lambda coin: coin.id) if active else []
    rows = [{"id": coin.id, "symbol": coin.symbol, "name": coin.name} for coin in coins]
    # The simulator does not know the platforms of a token.
    full = [{**row, "platforms": {}} for row in rows] if with_platforms else rows
    return json.dumps(full, separators=(",", ":"), ensure_ascii=False)


def _selected(query: PriceQuery, market: CoinGeckoMarket) -> Iterator[tuple[str, str]]:
    if query.selector == "ids":
        yield from ((coin_id, coin_id) for coin_id in query.wanted)
        return
    wanted = {name.lower() for name in query.wanted}
    taken: set[str] = set()
    for coin in market.coins().values():
        name = coin.name.lower() if query.selector == "names" else coin.symbol
        if name not in wanted or (name in taken and not query.all_tokens and query.selector == "symbols"):
            continue
        # Coins that share a symbol cannot share a key: the largest has the symbol, the others their ids.
        by_symbol = query.selector == "symbols" and name not in taken
        taken.add(name)
        yield (name if by_symbol else coin.id), coin.id


def _coin_text(coin_id: str, query: PriceQuery, market: CoinGeckoMarket) -> str:
    pairs: dict[str, str] = {}
    updated: str | None = None
    for currency in query.currencies:
        quote = market.quote(coin_id, currency, full=query.precision is not None)
        updated = quote.get("last_updated_at", updated)
        pairs.update((key, quote[key]) for key in query.keys(currency) if key in quote)
        _round(pairs, currency, query.precision)
    if query.last_updated_at and updated is not None:
        pairs["last_updated_at"] = updated
    return _object(pairs.items())


def _round(pairs: dict[str, str], currency: str, precision: int | None) -> None:
    price = pairs.get(currency)
    if price is not None and price != "null" and precision is not None and precision >= 0:
        pairs[currency] = format_json_number(Decimal(price).quantize(Decimal(1).scaleb(-precision)))


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{text}" for key, text in pairs) + "}"


def supported_currencies(codes: Iterable[str]) -> str:
    """The array of /simple/supported_vs_currencies."""
    return json.dumps(list(codes), separators=(",", ":"))
