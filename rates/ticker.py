"""Ticker: one normalised observation by one source. A field is `None` where the source published no such value."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol


class TickerKey(NamedTuple):
    """What the cache holds one value for."""

    source: Source
    symbol: Symbol


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """Prices in quote units per base unit.

    `observed_at` is the event time at the source, or our arrival time where `observed_at_origin` says so.
    `sequence` orders observations of the same instant (Binance: the last trade id); 0 where the source has none.
    `volume_24h` is in base units. `simulated` marks values that no real exchange published.
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
        """The rule by which one observation replaces another: later event time, then higher sequence."""
        return (self.observed_at, self.sequence) > (other.observed_at, other.sequence)
