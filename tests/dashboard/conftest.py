"""Fixtures of the dashboard.

A market that the test writes to Redis, one gateway process, a browser.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from cache.redis_client import RedisClient, open_redis
from cache.redis_sink import RedisTickerSink
from drill.distributed.system import UNBUDGETED
from gateway.trusted_documents.page_documents import read_page_documents
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.free_port import free_port
from tests.backends import ServerProcess
from tests.dashboard.browser import Browser, browsing
from tests.dashboard.picture_history import seed_picture_history
from tests.e2e.processes import ROOT, Command, running
from tests.gateway.fakes import build_ticker

BINANCE_TTL_S = 3
# What a test writes once stays fresh while a slow machine opens pages, except at Binance.
TTL_S = {**dict.fromkeys(("coinbase", "kraken", "okx", "bybit", "coingecko"), 600), "binance": BINANCE_TTL_S}
IMAGES = ROOT / "docs" / "images"
IS_DRAWING = bool(os.environ.get("RATEWIRE_SCREENSHOTS"))
"""Whether the tests write the documentation's pictures."""


class Market:
    """A gateway over a Redis that only the test writes to, so that a source can stop at will."""

    def __init__(self, redis: RedisClient, env: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{env['RATEWIRE_GATEWAY_PORT']}"
        self.database_url = env["RATEWIRE_DATABASE_URL"]
        self.redis = redis
        self._env = env
        self._sink = self._open_sink()
        self.gateway: Command | None = None

    def _open_sink(self) -> RedisTickerSink:
        return RedisTickerSink(self.redis, RedisKeys(simulated=True))

    async def reset(self) -> None:
        """Empty the cache, and forget what was written: a sink writes it again to an empty cache."""
        await self.redis.flushall()
        self._sink = self._open_sink()

    async def write(
        self,
        symbol: str,
        price: str,
        source: Source = Source.BINANCE,
        *,
        age: timedelta = timedelta(),
        is_trade: bool = False,
        **figures: str,
    ) -> None:
        """Write one rate, observed now or `age` ago.

        `is_trade`: by a trade of that time. `figures`: others of the ticker.
        """
        at = utc_now() - age
        ticker = build_ticker(
            symbol,
            price,
            source=source,
            observed_at=at,
            simulated=True,
            last_trade_at=at if is_trade else None,
            quoted_at=at if figures else None,
        )
        ticker = msgspec.structs.replace(
            ticker, **{name: Decimal(figure) for name, figure in figures.items()}
        )
        await self._sink.write([ticker])

    @asynccontextmanager
    async def moving(self, symbol: str) -> AsyncIterator[None]:
        """Raise the price of `symbol` ten times a second within the block."""

        async def move() -> None:
            number = 0
            while True:
                number += 1
                await self.write(symbol, f"{60_000 + number}.50")
                await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(move())
            try:
                yield
            finally:
                task.cancel()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Command]:
        """Run one gateway process, always on the same port."""
        async with running("gateway", env=self._env) as command:
            await command.prints("gateway listening", within_s=60)
            yield command


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def market(
    redis_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Market]:
    """A market with an empty cache and no gateway yet."""
    redis_server.start()
    env = {
        **UNBUDGETED,
        "RATEWIRE_REDIS_URL": redis_server.url,
        "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('market')}/ratewire.sqlite",
        "RATEWIRE_SIMULATED": "true",
        "RATEWIRE_GATEWAY_EMBED_ORIGINS": '["loopback"]',
        "RATEWIRE_GATEWAY_PORT": str(free_port()),
        "RATEWIRE_GATEWAY_TTL_S": json.dumps(TTL_S),
        # The browser keeps idle connections, for which a gateway that drains would wait at the end of each test.
        "RATEWIRE_GATEWAY_DRAIN_S": "0",
    }
    redis = open_redis(redis_server.url)
    await redis.flushall()
    async with running("migrate", env=env) as command:
        assert await command.ends(within_s=60) == 0, command.text
    yield Market(redis, env)
    await redis.aclose()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def market_browser(market: Market) -> AsyncIterator[Browser]:
    """A browser for the market's address, which outlives each gateway process."""
    async with browsing(market.url, is_whole=IS_DRAWING) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def page(market_browser: Browser) -> AsyncIterator[Browser]:
    """The browser of the module, without a page of an earlier test."""
    yield market_browser
    assert (await market_browser.seen())["foreign"] == []
    await market_browser.leave()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def embedded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of an embedded system with the simulator."""
    port = free_port()
    folder = tmp_path_factory.mktemp("run")
    env = {
        **UNBUDGETED,
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(folder),
    }
    if IS_DRAWING:
        await seed_picture_history(f"sqlite+aiosqlite:///{folder}/ratewire.sqlite")
    async with running("up", env=env) as command:
        await command.prints("/graphql")
        yield f"http://127.0.0.1:{port}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser(embedded: str) -> AsyncIterator[Browser]:
    """A browser on the embedded system.

    At the end it must have seen no error and no foreign address.
    """
    async with browsing(embedded, is_whole=IS_DRAWING) as browser:
        yield browser
        seen = await browser.seen()
        assert seen == {"complaints": [], "foreign": []}


async def picture(browser: Browser, name: str, *, after_s: float = 0, selector: str | None = None) -> None:
    """Write a picture for the documentation where RATEWIRE_SCREENSHOTS is set.

    Other runs leave the tree alone. Some are of looks that `make test` leaves out: `-m ""` has all.

    `after_s`: how long the page needs to fill its chart. `selector`: the element of the picture.
    """
    if IS_DRAWING:
        await asyncio.sleep(after_s)
        IMAGES.mkdir(exist_ok=True)
        await browser.screenshot(IMAGES / f"{name}.png", selector=selector)


def folder_of_pages() -> Path:
    """The folder of the committed build."""
    return ROOT / "gateway" / "static"


def document_id(operation: str) -> str:
    """The identifier by which the pages name a query."""
    documents = read_page_documents(folder_of_pages())
    return next(each for each, text in documents.items() if f"query {operation}(" in text)
