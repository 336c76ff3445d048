"""A pair that its exchange halts becomes unavailable to a subscriber and comes back.

From the listing to the subscription.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.rate import UnavailableReason
from gateway.queries.rates_query import RatesQuery
from gateway.settings import GatewaySettings
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import RatesEvent
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from pipeline.roles import sync_listing
from pipeline.sources.binance.factory import binance
from pipeline.sources.binance.settings import BinanceSettings
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from tests.e2e.processes import eventually, running
from tests.pipeline.fakes import memory_context, until
from tests.pipeline.http_server import open_server

TIMEOUT_S = 60
ETH_USDT = Symbol("ETH", "USDT")


def exchange_info(symbols: list[str], halted: str | None = None) -> str:
    """Binance's answer to `exchangeInfo`."""
    return json.dumps(
        {
            "symbols": [
                {
                    "symbol": symbol,
                    "status": "BREAK" if symbol == halted else "TRADING",
                    "baseAsset": symbol.removesuffix("USDT"),
                    "quoteAsset": "USDT",
                }
                for symbol in symbols
            ]
        }
    )


def ticker(symbol: Symbol, price: str) -> Ticker:
    now = datetime.now(UTC)
    return Ticker(
        source=Source.BINANCE,
        symbol=symbol,
        price=Decimal(price),
        observed_at=now,
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=now,
    )


async def next_event(events: AsyncGenerator[RatesEvent, None]) -> RatesEvent:
    async with asyncio.timeout(TIMEOUT_S):
        return await anext(events)


@pytest.fixture
async def database(tmp_path: Path) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path}/instruments.sqlite"
    await migrate(url)
    return url


@pytest.mark.servers
async def test_a_halted_pair_leaves_and_comes_back(database: str) -> None:
    """The exchange's listing is the only input that changes."""
    store, cache, stop = InstrumentStore(database), MemoryCache(), asyncio.Event()
    symbols = [one.source_symbol for one in await store.read(Source.BINANCE)]
    settings = GatewaySettings(catalog_refresh_s=0.05)
    gateway = Gateway(cache, store, settings, simulated=False)
    async with open_server(exchange_info(symbols)) as server:
        running = [
            asyncio.create_task(gateway.run()),
            asyncio.create_task(
                sync_listing(
                    stop,
                    memory_context(cache, simulated=False),
                    binance(BinanceSettings(rest_url=server.url)),
                    instance="listings-test",
                    instruments=store,
                    interval=timedelta(seconds=1),
                )
            ),
        ]
        try:
            await until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
            await cache.write([ticker(ETH_USDT, "2500")])
            query = RatesQuery((ETH_USDT,), (Source.BINANCE,))
            async with aclosing(gateway.live_queries.iterate(query, DeliveryOptions())) as events:
                event = await next_event(events)
                while not event.items:
                    event = await next_event(events)
                server.body = exchange_info(symbols, halted="ETHUSDT")
                left = await next_event(events)
                assert [one.reason for one in left.unavailable] == [UnavailableReason.NOT_TRADING]
                assert "its listing says 'BREAK'" in left.unavailable[0].message
                server.body = exchange_info(symbols)
                back = await next_event(events)
                assert [rate.ticker.symbol for rate in back.items] == [ETH_USDT]
        finally:
            stop.set()
            running[0].cancel()
            await asyncio.wait(running)
            await store.close()
    assert {target for target, _ in server.asked} == {"/api/v3/exchangeInfo?showPermissionSets=false"}


async def test_the_process_follows_listings_and_stops_cleanly(
    database: str, redis_url: str, tmp_path: Path
) -> None:
    """The process writes its heartbeat and stores the halt in the database."""
    store = InstrumentStore(database)
    symbols = [one.source_symbol for one in await store.read(Source.BINANCE)]
    heartbeat = tmp_path / "heartbeat"
    async with open_server(exchange_info(symbols, halted="ETHUSDT")) as server:
        # The other sources are unreachable: tests never leave the machine.
        nowhere = {f"RATEWIRE_{source.name}_REST_URL": "http://127.0.0.1:1" for source in Source}
        env = {
            **nowhere,
            "RATEWIRE_REDIS_URL": redis_url,
            "RATEWIRE_DATABASE_URL": database,
            "RATEWIRE_BINANCE_REST_URL": server.url,
            "RATEWIRE_COINGECKO_URL": "http://127.0.0.1:1",
            "RATEWIRE_HEARTBEAT_FILE": str(heartbeat),
        }
        async with running("listings", env=env) as command:

            async def halted() -> list[str]:
                return [one.source_symbol for one in await store.read(Source.BINANCE) if one.halt]

            assert await eventually(halted, within_s=TIMEOUT_S, what="a halt") == ["ETHUSDT"]
            assert heartbeat.exists()
            await command.prints("listing read")
            assert await command.stop() == 0
        assert len(server.asked) == 1
    await store.close()
