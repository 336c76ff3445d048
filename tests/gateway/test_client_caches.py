"""Normalised caches of clients: a live query updates what other queries hold, by ids."""

import pytest

from cache.memory import MemoryCache
from tests.gateway.cached_queries import check_cached_queries
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.node_client import node_client

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("script", ["apollo_cache.mjs", "graphcache.mjs"])
async def test_live_queries_update_the_cached_queries_of_a_client(
    script: str, ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Apollo Client's cache and urql's Graphcache as they come; no query is sent twice."""
    await cache.write([ticker(price="1", sequence=1)])
    async with ready_gateway() as served, node_client(script, f"{served.http}/graphql") as client:
        await check_cached_queries(client.line, cache, ticker)
