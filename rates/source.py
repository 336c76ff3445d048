"""Sources of rates.

The value of a `Source` is its name in queues, Redis keys, settings and folders.
"""

from enum import StrEnum
from typing import Self


class SourceKind(StrEnum):
    """The origin of a source's prices."""

    EXCHANGE = "EXCHANGE"
    AGGREGATOR = "AGGREGATOR"


class Source(StrEnum):
    """A publisher of rates.

    Name, default TTL in seconds, display name, kind, home page, and description for API users.

    Code outside the source's own folder needs nothing but this member.
    """

    ttl_s: float
    display_name: str
    kind: SourceKind
    homepage: str
    meaning: str

    # A member equals its text. `Enum` hashes the name in Python, for each look-up of an instrument.
    __hash__ = str.__hash__

    def __new__(  # noqa: PLR0917 - the values of one member, by position
        cls,
        name: str,
        ttl_s: float = 0.0,
        display_name: str = "",
        kind: SourceKind = SourceKind.EXCHANGE,
        homepage: str = "",
        meaning: str = "",
    ) -> Self:
        member = str.__new__(cls, name)
        member._value_, member.ttl_s, member.meaning = name, ttl_s, meaning
        member.display_name, member.kind, member.homepage = display_name, kind, homepage
        return member

    BINANCE = (
        "binance",
        10.0,
        "Binance",
        SourceKind.EXCHANGE,
        "https://www.binance.com",
        "Binance spot market: last trade price of a pair such as BTC/USDT.",
    )
    COINBASE = (
        "coinbase",
        10.0,
        "Coinbase",
        SourceKind.EXCHANGE,
        "https://exchange.coinbase.com",
        "Coinbase Exchange: last match of a product such as BTC/USD.",
    )
    KRAKEN = (
        "kraken",
        30.0,
        "Kraken",
        SourceKind.EXCHANGE,
        "https://www.kraken.com",
        "Kraken spot market: last trade price of a pair such as BTC/USD.",
    )
    OKX = (
        "okx",
        30.0,
        "OKX",
        SourceKind.EXCHANGE,
        "https://www.okx.com",
        "OKX spot market: last trade price of an instrument such as BTC/USDT.",
    )
    BYBIT = (
        "bybit",
        30.0,
        "Bybit",
        SourceKind.EXCHANGE,
        "https://www.bybit.com",
        "Bybit spot market: last trade price of a symbol such as BTC/USDT.",
    )
    COINGECKO = (
        "coingecko",
        180.0,
        "CoinGecko",
        SourceKind.AGGREGATOR,
        "https://www.coingecko.com",
        "CoinGecko: average over many exchanges, in USD, e.g. BTC/USD.",
    )


class ObservedAtOrigin(StrEnum):
    """Origin of `observed_at`: the clock of the source, or ours if the source gave no time."""

    SOURCE = "SOURCE"
    RECEIVED = "RECEIVED"
