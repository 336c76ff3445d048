"""Ticker: one normalised observation by one source. A field that the source does not publish is `None`."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol


class TickerKey(NamedTuple):
    """Cache key: the cache holds one ticker per source and symbol."""

    source: Source
    symbol: Symbol


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """One observation. Prices are in quote units per base unit; `volume_24h` is in base units.

    `observed_at` is the event time at the source, or our arrival time where `observed_at_origin` says so.
    `sequence` orders observations with the same event time (Binance: the last trade id); 0 where the source has
    none. `simulated` marks values from the simulator.
    """

    source: Source
    symbol: Symbol
    price: Decimal
    observed_at: datetime
    observed_at_origin: ObservedAtOrigin
    received_at: datetime
    sequence: int = 0
    bid: Decimal | None = None
    ask: Decimal | None = None
    change_percent_24h: Decimal | None = None
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    volume_24h: Decimal | None = None
    simulated: bool = False

    @property
    def key(self) -> TickerKey:
        return TickerKey(self.source, self.symbol)

    def is_newer_than(self, other: "Ticker") -> bool:
        """Compare event times, then sequences. The cache replaces a ticker only by a newer one."""
        return (self.observed_at, self.sequence) > (other.observed_at, other.sequence)
