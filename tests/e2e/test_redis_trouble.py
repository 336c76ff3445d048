"""Trouble of Redis is named as such in `sources`, while the exchanges are fine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cache.redis_client import open_redis
from runtime.free_port import free_port
from tests.backends import ServerProcess, start_redis
from tests.e2e.processes import Command, running

pytestmark = pytest.mark.servers

WITHIN_S = 60
QUERY = "{ sources { source { code } state reason } }"


@asynccontextmanager
async def polled_sources(redis: ServerProcess, folder: Path) -> AsyncIterator["Sources"]:
    """A gateway, and a push feed of the simulated Binance, over a Redis of their own."""
    http_port, ws_port, port = free_port(), free_port(), free_port()
    env = {
        "RATEWIRE_REDIS_URL": redis.url,
        "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/instruments.db",
        "RATEWIRE_SIMULATED": "true",
        "RATEWIRE_SIMULATOR_HTTP_PORT": str(http_port),
        "RATEWIRE_SIMULATOR_WS_PORT": str(ws_port),
        "RATEWIRE_BINANCE_STREAM_URLS": f"ws://127.0.0.1:{ws_port}",
        "RATEWIRE_GATEWAY_PORT": str(port),
    }
    async with running("migrate", env=env) as migrating:
        assert await migrating.ends(within_s=WITHIN_S) == 0, migrating.text
    async with (
        running("simulator", env=env),
        running("stream", "binance", env=env) as feed,
        running("gateway", env=env) as gateway,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S, trust_env=False) as client,
    ):
        await gateway.prints("gateway listening", within_s=WITHIN_S)
        yield Sources(client, feed)


class Sources:
    """The state of Binance as clients see it, and all states in turn."""

    def __init__(self, client: httpx.AsyncClient, feed: Command) -> None:
        self._client = client
        self.feed = feed
        self.seen: list[tuple[str, str | None]] = []

    async def until(self, state: str, reason: str = "") -> None:
        """Ask until the source is in that state, for a reason that holds the text."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                answer = (await self._client.post("/graphql", json={"query": QUERY})).json()
                found = next(
                    each for each in answer["data"]["sources"] if each["source"]["code"] == "BINANCE"
                )
                if not self.seen or self.seen[-1] != (found["state"], found["reason"]):
                    self.seen.append((found["state"], found["reason"]))
                if found["state"] == state and reason in (found["reason"] or ""):
                    return
                await asyncio.sleep(0.05)


async def test_a_full_redis_is_named_and_not_the_exchange(tmp_path: Path) -> None:
    """From the first refused write on. It ends with it."""
    with start_redis() as server:
        redis = open_redis(server.url)
        async with polled_sources(server, tmp_path) as sources:
            await sources.until("UP")
            await redis.config_set("maxmemory", "1")
            await sources.until("DEGRADED", "the cache cannot be written: Redis: OutOfMemoryError")
            await sources.until("DOWN", "the cache cannot be written: Redis: OutOfMemoryError")
            await redis.config_set("maxmemory", "0")
            await sources.until("UP")
            assert "STALLED" not in {state for state, _ in sources.seen}, sources.seen
        await redis.aclose()


async def test_a_frozen_redis_is_named_and_not_the_exchange(tmp_path: Path) -> None:
    """Before the values are stale."""
    with start_redis() as server:
        async with polled_sources(server, tmp_path) as sources:
            await sources.until("UP")
            server.freeze()
            try:
                await sources.until("DEGRADED", "(Redis) is out of reach since")
                await sources.until("DOWN", "(Redis) is out of reach since")
            finally:
                server.thaw()
            await sources.until("UP")
            assert "STALLED" not in {state for state, _ in sources.seen}, sources.seen
