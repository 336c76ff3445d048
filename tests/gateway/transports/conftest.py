"""Fixtures of the transports' tests: a served gateway whose cache and catalogue have been read."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from tests.gateway.fakes import build_ticker, wait_until


@pytest.fixture
def ready_gateway(serving: Any, cache: Any) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Serves the cache; settings by name differ from the defaults."""

    @asynccontextmanager
    async def serve(feed: Any = cache, **configured: Any) -> AsyncIterator[Any]:
        settings = GatewaySettings(port=0, catalog_refresh_s=0.02, shutdown_timeout_s=1, **configured)
        async with serving(feed, settings) as served:
            await served.facts()
            yield served

    return serve


@pytest.fixture
async def live(gateway: Gateway, cache: Any) -> Gateway:
    """A gateway with a rate."""
    ticker = build_ticker()
    await cache.write([ticker])
    await wait_until(lambda: gateway.mirror.read(ticker.key) is not None)
    return gateway
