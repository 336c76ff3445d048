"""Watches for sources that mean different assets by one symbol.

Prices that stay far apart while all are fresh.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import structlog

from gateway.queries.freshness import Freshness
from gateway.queries.identity import find_suspects, format_distance
from gateway.queries.price_basis import merged_price
from gateway.queries.rate_reader import RateReader
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from rates.clock import Clock
from rates.errors import DatabaseUnavailable
from rates.symbol import Symbol
from rates.ticker import TickerKey

INTERVAL_S = 2.0

log = structlog.get_logger("ratewire.gateway.identity")


class SuspicionRecords(Protocol):
    """Storage of suspicions, shared by all gateways."""

    async def suspect(self, details: Mapping[TickerKey, str], *, now: datetime) -> None:
        """Mark instruments as suspected, unless an operator has confirmed them.

        Raises:
            DatabaseUnavailable: nothing was changed.
        """
        ...


class IdentityWatchdog:
    """Marks instruments whose prices stay more than `max_distance` apart for `patience`.

    `run` must be running.
    """

    def __init__(
        self,
        rates: RateReader,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        records: SuspicionRecords,
        *,
        max_distance: Decimal,
        patience: timedelta,
        clock: Clock,
    ) -> None:
        self._rates = rates
        self._mirror = mirror
        self._catalog = catalog
        self._records = records
        self._max_distance = max_distance
        self._patience = patience
        self._clock = clock
        self._apart_since: dict[TickerKey, datetime] = {}

    async def run(self) -> None:
        """Check every two seconds until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self.check()
            except DatabaseUnavailable as exc:
                log.warning("suspected identities not stored", error=str(exc))

    async def check(self) -> None:
        """Compare all symbols once, and store what has been apart for long enough.

        Raises:
            DatabaseUnavailable: nothing was stored; the next check tries again.
        """
        now = self._clock()
        apart = self._find_apart(now)
        self._apart_since = {key: self._apart_since.get(key, now) for key in apart}
        due = {key: apart[key] for key, since in self._apart_since.items() if now - since >= self._patience}
        if due:
            log.warning(
                "identities suspected", instruments=[f"{key.source}:{key.symbol}" for key in sorted(due)]
            )
            await self._records.suspect(due, now=now)

    def _find_apart(self, now: datetime) -> dict[TickerKey, str]:
        keys: dict[Symbol, list[TickerKey]] = {}
        for key in self._catalog.tracked:
            keys.setdefault(key.symbol, []).append(key)
        found: dict[TickerKey, str] = {}
        for several in keys.values():
            if len(several) > 1:
                found |= self._compare(several, now)
        return found

    def _compare(self, keys: list[TickerKey], now: datetime) -> dict[TickerKey, str]:
        rates = [self._rates.to_rate(ticker, now) for key in keys if (ticker := self._mirror.read(key))]
        prices = {rate.ticker.key: merged_price(rate) for rate in rates if rate.freshness is Freshness.FRESH}
        reviewed = {
            key: price
            for key, price in prices.items()
            if key.source in self._catalog.merged_sources(key.symbol)
        }
        unreviewed = {key: price for key, price in prices.items() if key not in reviewed}
        confirmed = {key for key in prices if self._catalog.tracked[key].is_confirmed}
        suspects = find_suspects(reviewed, unreviewed, self._max_distance) - confirmed
        return {key: format_distance(prices[key], prices.values()) for key in suspects}
