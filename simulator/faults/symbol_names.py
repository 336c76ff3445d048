"""The spellings of a symbol that a fault request may use."""

from simulator.markets import World
from simulator.sources import BINANCE, COINGECKO


def symbol_names(world: World) -> dict[str, dict[str, str]]:
    """Map every accepted spelling to the source's own symbol, by source.

    Accepted are the source's own spelling, BASE/QUOTE, and for CoinGecko the id or BASE.
    """
    listings = {BINANCE: world.binance.listings()} | {
        source: venue.listings() for source, venue in world.venues.items()
    }
    found: dict[str, dict[str, str]] = {}
    for source, listed in listings.items():
        names = found.setdefault(source, {})
        for symbol, listing in listed.items():
            names[symbol] = symbol
            if listing.base and listing.quote:
                names[f"{listing.base}/{listing.quote}"] = symbol
    coins = found.setdefault(COINGECKO, {})
    for coin_id, coin in reversed(list(world.coingecko.coins().items())):
        coins[f"{coin.symbol.upper()}/USD"] = coins[coin.symbol.upper()] = coin_id
        coins[coin_id] = coin_id
    return found
