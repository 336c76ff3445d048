"""Fixtures of the transports' tests: a served gateway whose cache and catalogue have been read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from tests.gateway.fakes import build_ticker, wait_until
from tests.gateway.transports.raw_socket import TIMEOUT_S


@pytest.fixture
def ready_gateway(serving: Any, cache: Any) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Serves the cache; settings by name differ from the defaults."""

    @asynccontextmanager
    async def serve(feed: Any = cache, **configured: Any) -> AsyncIterator[Any]:
        settings = GatewaySettings(port=0, catalog_refresh_s=0.02, shutdown_timeout_s=1, **configured)
        async with serving(feed, settings) as served:
            await facts_where(served, lambda facts: facts["ready"])
            yield served

    return serve


async def facts_where(served: Any, holds: Callable[[Any], bool]) -> Any:
    """The facts of readiness, as soon as they are what is waited for."""
    async with served.client() as client, asyncio.timeout(TIMEOUT_S):
        while not holds(facts := (await client.get("/health/ready")).json()):  # noqa: ASYNC110 - asks a server
            await asyncio.sleep(0.01)
    return facts


@pytest.fixture
def facts() -> Any:
    return facts_where


@pytest.fixture
async def live(gateway: Gateway, cache: Any) -> Gateway:
    """A gateway with a rate."""
    ticker = build_ticker()
    await cache.write([ticker])
    await wait_until(lambda: gateway.mirror.read(ticker.key) is not None)
    return gateway
