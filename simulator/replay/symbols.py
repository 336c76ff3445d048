"""The price series of a recording, and the split of Binance's joined symbols.

A recording has no exchangeInfo, so the simulator splits symbols itself: known assets first, then the longest known quote asset
at the end. Product code must not split symbols this way [exchanges.md, Symbols].
"""

from collections.abc import Collection
from dataclasses import dataclass

QUOTES = (
    *("USDT", "FDUSD", "USDC", "TUSD", "BUSD", "USDP", "USDS", "DAI", "PAX", "AEUR", "EURI", "USD1", "USD"),
    *("BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE", "DOT", "VAI"),
    *(
        "EUR",
        "GBP",
        "TRY",
        "RUB",
        "BRL",
        "AUD",
        "UAH",
        "NGN",
        "ZAR",
        "PLN",
        "RON",
        "ARS",
        "JPY",
        "MXN",
        "CZK",
        "COP",
    ),
    *("IDRT", "IDR", "BIDR", "BVND", "BKRW"),
)


@dataclass(frozen=True, slots=True)
class RecordedSymbol:
    """One price series of a recording.

    `source_symbol` is `BTCUSDT` at Binance, `bitcoin` at CoinGecko.
    """

    source: str
    source_symbol: str
    base: str
    quote: str


def split_code(code: str, assets: Collection[str]) -> tuple[str, str] | None:
    """Return base and quote of a source's code: at its separator, or as a joined symbol."""
    for separator in "/-":
        base, found, quote = code.partition(separator)
        if found:
            return base, quote
    return split_symbol(code, assets)


def split_symbol(symbol: str, assets: Collection[str]) -> tuple[str, str] | None:
    """Return base and quote of a joined symbol; None if it ends with no known quote asset."""
    fitting = [quote for quote in QUOTES if symbol.endswith(quote) and len(symbol) > len(quote)]
    if not fitting:
        return None
    quote = max(fitting, key=lambda quote: (symbol.removesuffix(quote) in assets, len(quote)))
    return symbol.removesuffix(quote), quote
