"""Builds the adapter of Binance."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from pipeline.coordination.call_limits import CallLimits
from pipeline.feeds.protocol import FeedSpec
from pipeline.feeds.subscription_state import LearnedSize
from pipeline.net.rest_client import open_rest_client
from pipeline.ports import ListingFetcher, RateFetcher
from pipeline.sources.adapter import SourceAdapter, SourceContext, SourceModule
from pipeline.sources.binance.fetcher import SHARD_SIZE, BinanceFetcher
from pipeline.sources.binance.klines import TRAITS, build_requests, parse_klines
from pipeline.sources.binance.listing import BinanceListing
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.sources.binance.session import open_session
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.binance.symbols import MAX_SYMBOLS
from pipeline.sources.rest_klines import rest_klines
from rates.source import Source

# Binance allows 300 attempts in 5 minutes per address. A third of that, so that three replicas can share one.
CONNECT_LIMITS = (CallLimits(100, timedelta(minutes=5)),)


def binance(settings: BinanceSettings) -> SourceAdapter:
    """Build the adapter: polled over the WebSocket API, push feed over the market streams."""

    @asynccontextmanager
    async def open_fetcher(context: SourceContext) -> AsyncIterator[RateFetcher]:
        async with open_session(
            settings, context.health, context.cooldown, simulated=context.simulated, clock=context.clock
        ) as session:
            yield BinanceFetcher(session, context.health, simulated=context.simulated, clock=context.clock)

    learned = LearnedSize()

    def build_feed(*, simulated: bool) -> FeedSpec:
        return FeedSpec(
            source=Source.BINANCE,
            open_protocol=partial(BinanceProtocol, simulated=simulated, learned=learned),
            endpoints=[f"{url}/stream" for url in settings.stream_urls],
            instruments_per_connection=MAX_SYMBOLS,
            connect_limits=CONNECT_LIMITS,
            connect_timeout=timedelta(seconds=settings.connect_timeout_s),
            idle_timeout=timedelta(seconds=settings.idle_timeout_s),
            first_message_timeout=timedelta(seconds=settings.first_message_timeout_s),
            max_reconnect_delay=timedelta(seconds=settings.longest_wait_s),
            lifetime=timedelta(seconds=settings.connection_lifetime_s),
            # Binance sends pings, and counts ours among the five messages a second.
            ping_interval=None,
        )

    @asynccontextmanager
    async def open_listing(context: SourceContext) -> AsyncIterator[ListingFetcher]:
        async with open_rest_client(
            Source.BINANCE,
            settings.rest_url,
            context.cooldown,
            simulated=context.simulated,
            clock=context.clock,
            timeout_s=settings.connect_timeout_s,
        ) as rest:
            yield BinanceListing(rest)

    return SourceAdapter(
        source=Source.BINANCE,
        shard_size=SHARD_SIZE,
        open_fetcher=open_fetcher,
        build_feed=build_feed,
        open_listing=open_listing,
        klines=rest_klines(
            Source.BINANCE,
            settings.rest_url,
            build_requests,
            parse_klines,
            TRAITS,
            timeout_s=settings.connect_timeout_s,
        ),
    )


SOURCE_MODULE = SourceModule(
    settings=BinanceSettings,
    build=binance,
    simulated=lambda at: {
        "stream_urls" if name == "stream_url" else name: address for name, address in at.items()
    },
)
