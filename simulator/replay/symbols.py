"""What a recording holds, and how Binance's joined symbols are split into base and quote.

A recording has no exchangeInfo, so the split is a convenience of the simulator: known assets first, then the longest
known quote asset at the end of the symbol. Nothing else may split symbols this way [exchanges.md, Symbols].
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

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
    """One price series of a recording: `source_symbol` is `BTCUSDT` at Binance, `bitcoin` at CoinGecko."""

    source: Literal["binance", "coingecko"]
    source_symbol: str
    base: str
    quote: str


def split_symbol(symbol: str, assets: Collection[str]) -> tuple[str, str] | None:
    """Base and quote of a joined symbol; None where no known quote asset ends it."""
    fitting = [quote for quote in QUOTES if symbol.endswith(quote) and len(symbol) > len(quote)]
    if not fitting:
        return None
    quote = max(fitting, key=lambda quote: (symbol.removesuffix(quote) in assets, len(quote)))
    return symbol.removesuffix(quote), quote
