"""One gateway process's parts, put together, and the facts of whether it is fit to answer."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import structlog

from cache.ports import TickerFeed
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.conversion.converter import Converter
from gateway.queries.rate_reader import RateReader
from gateway.settings import GatewaySettings
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.subscriptions.live_queries import LiveQueries
from gateway.subscriptions.registry import SubscriptionRegistry
from instruments.store import InstrumentReader
from rates.clock import Clock, utc_now
from rates.ticker import Ticker, TickerKey

log = structlog.get_logger("ratewire.gateway")


class Gateway:
    """Answers, live streams and what keeps them current. `run` must be running for them to be so."""

    def __init__(
        self,
        feed: TickerFeed,
        instruments: InstrumentReader,
        settings: GatewaySettings,
        *,
        simulated: bool,
        clock: Clock = utc_now,
    ) -> None:
        self._clock = clock
        self.simulated = simulated
        self._unready_after = timedelta(seconds=settings.unready_after_s)
        self.subscribers = SubscriptionRegistry()
        self.catalog = InstrumentCatalog(
            instruments,
            refresh_s=settings.catalog_refresh_s,
            on_added=self._offer_known,
            on_removed=self._retract,
        )
        self.mirror = Mirror(feed, publish=self._offer, clock=clock)
        self.rates = RateReader(
            self.mirror,
            self.catalog,
            ttl=settings.ttl,
            preference=settings.source_preference,
            max_symbols=settings.max_symbols,
            simulated=simulated,
            clock=clock,
        )
        self.live = LiveQueries(
            feed,
            self.mirror,
            self.catalog,
            self.subscribers,
            self.rates,
            ttl=settings.ttl,
            preference=settings.source_preference,
            clock=clock,
        )
        self.panel = ConsensusReader(
            self.rates,
            self.mirror,
            self.catalog,
            self.live.house,
            preference=settings.source_preference,
            clock=clock,
        )
        self.converter = Converter(
            self.rates, self.mirror, self.catalog, preference=settings.source_preference, clock=clock
        )

    async def run(self) -> None:
        """Keep mirror and catalogue current until cancelled. Losing Redis or the database is survived; anything else ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.mirror.run(), name="mirror")
            tasks.create_task(self.catalog.run(), name="catalog")

    def is_ready(self) -> bool:
        """Whether cache and catalogue have been read, and the cache has not been out of reach for too long."""
        since = self.mirror.disconnected_at
        connected = since is None or self._clock() - since <= self._unready_after
        return self.mirror.loaded and self.catalog.loaded and connected

    def _offer(self, ticker: Ticker) -> None:
        """Tell subscribers of a newer ticker, if its instrument is tracked and traded."""
        if ticker.key in self.catalog.tracked:
            self.subscribers.publish(ticker)

    def _offer_known(self, keys: Iterable[TickerKey]) -> None:
        """Instruments that are answered from now on may have been published before."""
        for key in keys:
            if ticker := self.mirror.read(key):
                self.subscribers.publish(ticker)

    def _retract(self, keys: Iterable[TickerKey]) -> None:
        """Instruments that are tracked or traded no more are answered no more."""
        for key in keys:
            self.subscribers.retract(key)
