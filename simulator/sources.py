"""Names of the simulated sources, as settings, faults and counters use them."""

BINANCE, COINGECKO, COINBASE, KRAKEN, OKX, BYBIT = SOURCES = (
    "binance",
    "coingecko",
    "coinbase",
    "kraken",
    "okx",
    "bybit",
)
