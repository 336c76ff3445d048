"""Sources of rates.

The value of a `Source` is its name in queues, Redis keys, settings and folders.
"""

from enum import StrEnum
from typing import Self


class Source(StrEnum):
    """A publisher of rates: name, default TTL in seconds, and description for API users.

    Code outside the source's own folder needs nothing but this line.
    """

    ttl_s: float
    meaning: str

    def __new__(cls, name: str, ttl_s: float = 0.0, meaning: str = "") -> Self:
        member = str.__new__(cls, name)
        member._value_, member.ttl_s, member.meaning = name, ttl_s, meaning
        return member

    BINANCE = "binance", 10.0, "Binance spot market: last trade price of a pair such as BTC/USDT."
    COINBASE = "coinbase", 10.0, "Coinbase Exchange: last match of a product such as BTC/USD."
    KRAKEN = "kraken", 30.0, "Kraken spot market: last trade price of a pair such as BTC/USD."
    OKX = "okx", 30.0, "OKX spot market: last trade price of an instrument such as BTC/USDT."
    BYBIT = "bybit", 30.0, "Bybit spot market: last trade price of a symbol such as BTC/USDT."
    COINGECKO = "coingecko", 180.0, "CoinGecko: average over many exchanges, in USD, e.g. BTC/USD."


class ObservedAtOrigin(StrEnum):
    """Origin of `observed_at`: the clock of the source, or ours if the source gave no time."""

    SOURCE = "SOURCE"
    RECEIVED = "RECEIVED"
