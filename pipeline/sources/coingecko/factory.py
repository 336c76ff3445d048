"""Builds the adapter of CoinGecko."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from pipeline.coordination.call_limits import CallLimits
from pipeline.ports import ListingFetcher, RateFetcher
from pipeline.sources.adapter import SourceAdapter, SourceContext, SourceModule
from pipeline.sources.coingecko.client import open_client
from pipeline.sources.coingecko.fetcher import CoinGeckoFetcher
from pipeline.sources.coingecko.listing import CoinGeckoListing
from pipeline.sources.coingecko.plan import calls_per_minute
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import SHARD_SIZE
from rates.source import Source

# A second more than the source's minute, because calls may arrive closer together than they were sent.
WINDOW = timedelta(seconds=61)


def coingecko(settings: CoinGeckoSettings) -> SourceAdapter:
    """Build the adapter: polled over REST within a shared budget, and a listing."""

    @asynccontextmanager
    async def open_fetcher(context: SourceContext) -> AsyncIterator[RateFetcher]:
        async with open_client(settings, context) as client:
            yield CoinGeckoFetcher(client, settings, context)

    @asynccontextmanager
    async def open_listing(context: SourceContext) -> AsyncIterator[ListingFetcher]:
        async with open_client(settings, context) as client:
            yield CoinGeckoListing(client)

    return SourceAdapter(
        source=Source.COINGECKO,
        shard_size=SHARD_SIZE,
        open_fetcher=open_fetcher,
        open_listing=open_listing,
        limits=CallLimits(calls_per_minute(settings), WINDOW, settings.calls_per_month),
    )


SOURCE_MODULE = SourceModule(
    settings=CoinGeckoSettings,
    build=coingecko,
    # The simulator needs no key, and must not receive a real one.
    simulated=lambda at: {"url": at["url"], "plan": "keyless", "api_key": None},
)
