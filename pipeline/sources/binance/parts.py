"""Binance as the composition sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from pipeline.ports import ListingFetcher, RateFetcher
from pipeline.sources.binance.fetcher import SHARD_SIZE, BinanceFetcher
from pipeline.sources.binance.listing import BinanceListing
from pipeline.sources.binance.session import open_session
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.binance.stream import BinanceStream
from pipeline.sources.parts import PushFeed, SourceFolder, SourceParts, Surroundings, Wishes
from pipeline.sources.rest import open_rest
from rates.source import Source


def binance(settings: BinanceSettings) -> SourceParts:
    """Tasks over the WebSocket API, push feed over the market streams."""

    @asynccontextmanager
    async def open_fetcher(around: Surroundings) -> AsyncIterator[RateFetcher]:
        async with open_session(
            settings, around.health, simulated=around.simulated, clock=around.clock
        ) as session:
            yield BinanceFetcher(session, around.health, simulated=around.simulated, clock=around.clock)

    def build_feed(wishes: Wishes, around: Surroundings) -> PushFeed:
        stream = BinanceStream(
            settings, wishes, around.health, simulated=around.simulated, clock=around.clock
        )
        return PushFeed(
            connect=stream.connect,
            idle_timeout=timedelta(seconds=settings.idle_timeout_s),
            longest_wait=timedelta(seconds=settings.longest_wait_s),
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


FOLDER = SourceFolder(settings=BinanceSettings, build=binance)
