"""Binance as the composition sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from pipeline.budget.limits import CallLimits
from pipeline.feeds.ports import FeedPlan
from pipeline.ports import ListingFetcher, RateFetcher
from pipeline.sources.binance.fetcher import SHARD_SIZE, BinanceFetcher
from pipeline.sources.binance.listing import BinanceListing
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.sources.binance.session import open_session
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.binance.symbols import MAX_SYMBOLS
from pipeline.sources.parts import SourceFolder, SourceParts, Surroundings
from pipeline.sources.rest import open_rest
from rates.source import Source

# 300 attempts in 5 minutes are allowed an address: a third, so that three replicas may share one.
ATTEMPTS = (CallLimits(100, timedelta(minutes=5)),)


def binance(settings: BinanceSettings) -> SourceParts:
    """Tasks over the WebSocket API, push feed over the market streams."""

    @asynccontextmanager
    async def open_fetcher(around: Surroundings) -> AsyncIterator[RateFetcher]:
        async with open_session(
            settings, around.health, around.hold, simulated=around.simulated, clock=around.clock
        ) as session:
            yield BinanceFetcher(session, around.health, simulated=around.simulated, clock=around.clock)

    def build_feed(around: Surroundings) -> FeedPlan:
        return FeedPlan(
            source=Source.BINANCE,
            open_protocol=partial(BinanceProtocol, simulated=around.simulated),
            endpoints=[f"{url}/stream" for url in settings.stream_urls],
            instruments_per_connection=MAX_SYMBOLS,
            attempts=ATTEMPTS,
            connect_timeout=timedelta(seconds=settings.connect_timeout_s),
            idle_timeout=timedelta(seconds=settings.idle_timeout_s),
            first_message_timeout=timedelta(seconds=settings.first_message_timeout_s),
            longest_wait=timedelta(seconds=settings.longest_wait_s),
            lifetime=timedelta(seconds=settings.connection_lifetime_s),
            # Binance pings us, and counts our own pings among the five messages a second.
            ping_interval=None,
        )

    @asynccontextmanager
    async def open_listing(around: Surroundings) -> AsyncIterator[ListingFetcher]:
        async with open_rest(
            Source.BINANCE, settings.rest_url, around, timeout_s=settings.connect_timeout_s
        ) as rest:
            yield BinanceListing(rest)

    return SourceParts(
        source=Source.BINANCE,
        shard_size=SHARD_SIZE,
        open_fetcher=open_fetcher,
        build_feed=build_feed,
        open_listing=open_listing,
    )


FOLDER = SourceFolder(
    settings=BinanceSettings,
    build=binance,
    simulated=lambda at: {
        "stream_urls" if name == "stream_url" else name: address for name, address in at.items()
    },
)
