"""CoinGecko as the composition sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx

from pipeline.budget.limits import CallLimits
from pipeline.ports import RateFetcher
from pipeline.sources.coingecko.fetcher import CoinGeckoFetcher
from pipeline.sources.coingecko.plan import base_url, key_header
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.coingecko.symbols import SHARD_SIZE
from pipeline.sources.parts import SourceFolder, SourceParts, Surroundings
from rates.source import Source

# A second more than the source's minute: calls may be closer together on arrival than they were when we counted them.
WINDOW = timedelta(seconds=61)


def coingecko(settings: CoinGeckoSettings) -> SourceParts:
    """Tasks over REST, inside a shared budget; no push feed."""

    @asynccontextmanager
    async def open_fetcher(around: Surroundings) -> AsyncIterator[RateFetcher]:
        assert around.budget is not None, "CoinGecko is never asked without a budget"
        async with httpx.AsyncClient(
            base_url=base_url(settings),
            headers={"accept": "application/json", "user-agent": "ratewire", **key_header(settings)},
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=2, max_keepalive_connections=1),
        ) as client:
            yield CoinGeckoFetcher(
                client,
                settings,
                around.budget,
                around.health,
                simulated=around.simulated,
                clock=around.clock,
            )

    return SourceParts(
        source=Source.COINGECKO,
        shard_size=SHARD_SIZE,
        open_fetcher=open_fetcher,
        limits=CallLimits(settings.calls_per_minute, WINDOW, settings.calls_per_month),
    )


FOLDER = SourceFolder(
    settings=CoinGeckoSettings,
    build=coingecko,
    # No key is needed there, and a real one has no business there.
    simulated=lambda at: {"url": at["url"], "plan": "keyless", "api_key": None},
)
