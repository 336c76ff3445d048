"""The exchanges that are played, by the names under which settings, faults and figures know them."""

BINANCE, COINGECKO, COINBASE, KRAKEN, OKX, BYBIT = SOURCES = (
    "binance",
    "coingecko",
    "coinbase",
    "kraken",
    "okx",
    "bybit",
)
