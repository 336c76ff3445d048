"""Who publishes rates. A source's value is its name in queues, Redis keys, settings and folders."""

from enum import StrEnum
from typing import Self


class Source(StrEnum):
    """One line per source: its name, for how many seconds its rates count as FRESH unless configured otherwise, and
    what API users are told about it. The line is all that the code outside the source's own folder needs.
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
    """Whose clock gave `observed_at`: the source's, or ours because the source gave none."""

    SOURCE = "SOURCE"
    RECEIVED = "RECEIVED"
