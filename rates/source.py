"""Who publishes rates. One member per source; its value is its name in queues, Redis keys, settings and folders."""

from enum import StrEnum


class Source(StrEnum):
    BINANCE = "binance"
    COINGECKO = "coingecko"


class ObservedAtOrigin(StrEnum):
    """Whose clock gave `observed_at`: the source's, or ours because the source gave none."""

    SOURCE = "SOURCE"
    RECEIVED = "RECEIVED"
