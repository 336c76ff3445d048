"""Ticker: one normalised observation by one source.

A field that the source does not publish is `None`.
"""

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


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """One observation. Prices are in quote units per base unit.

    `price` is the last trade as the source told it at `observed_at`, which is the event time at the source, or our
    arrival time where `observed_at_origin` says so. `last_trade_at` is when that trade was; `None` where the source
    does not tell. `bid` and `ask` are the best quotes as of `quoted_at`; `bid_size`, `ask_size` and `volume_24h` are
    in base units, `quote_volume_24h` is in quote units.

    `sequence` orders observations with the same event time (Binance: the last trade id); 0 where the source has
    none. `merged` counts the source's earlier updates that this one replaced before they were written. `simulated`
    marks values from the simulator.
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
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    quoted_at: datetime | None = None
    last_trade_at: datetime | None = None
    open_24h: Decimal | None = None
    change_percent_24h: Decimal | None = None
    high_24h: Decimal | None = None
    low_24h: Decimal | None = None
    volume_24h: Decimal | None = None
    quote_volume_24h: Decimal | None = None
    merged: int = 0
    simulated: bool = False

    @property
    def key(self) -> TickerKey:
        return TickerKey(self.source, self.symbol)

    def is_newer_than(self, other: "Ticker") -> bool:
        """Compare event times, then sequences. The cache replaces a ticker only by a newer one."""
        return (self.observed_at, self.sequence) > (other.observed_at, other.sequence)
