"""The history of catalog changes that outlives a gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.memory import MemoryCache
from cache.redis_client import open_redis
from cache.redis_instruments import RedisBytes
from gateway.gateway import Gateway
from gateway.queries.rates_query import RatesQuery
from gateway.settings import GatewaySettings
from gateway.state import catalog_history
from gateway.state.catalog_history import CatalogHistory
from gateway.state.stored_history import STORE_INTERVAL_S, StoredHistory
from rates.errors import CacheUnavailable
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey
from tests.gateway.fakes import ListedInstruments, wait_until
from tests.gateway.fixture_types import BuildTicker
from tests.gateway.state.test_catalog_history import KEYS, record, states
from tests.gateway.subscriptions.test_live_queries import AT_ONCE, BINANCE, following, prices


class Storage:
    """Bytes in memory, or away."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.is_away = False
        self.writes = 0

    async def read(self) -> bytes | None:
        self._check()
        return self.data

    async def write(self, data: bytes) -> None:
        self._check()
        self.data, self.writes = data, self.writes + 1

    def _check(self) -> None:
        if self.is_away:
            raise CacheUnavailable("away for the test")


@pytest.mark.slow
@given(st.lists(states, min_size=1, max_size=20))
async def test_a_restored_history_knows_the_same_versions(sequence: list[dict[TickerKey, bool]]) -> None:
    """With the same changes since each, and with those that follow."""
    storage, before, after = Storage(), CatalogHistory(), CatalogHistory()
    versions = {before.version}
    for state in sequence:
        record(before, state)
        versions.add(before.version)
    await StoredHistory(storage).store(before)
    await StoredHistory(storage).restore(after)
    for state in ({KEYS[0]: True, KEYS[1]: False}, {}):
        for version in versions:
            assert after.changed_since(version) == before.changed_since(version)
        record(before, state)
        record(after, state)


async def test_only_the_last_changes_are_stored() -> None:
    """The oldest versions are lost with the process; those that are kept stay exact."""
    storage, before, after = Storage(), CatalogHistory(), CatalogHistory()
    versions = []
    for number in range(catalog_history.REPLAYED_LENGTH + 5):
        versions.append(before.version)
        record(before, {KEYS[0]: True, KEYS[1 + number % 2]: number % 3 > 0, KEYS[3]: number % 7 > 2})
    await StoredHistory(storage).store(before)
    await StoredHistory(storage).restore(after)
    last = {version: number for number, version in enumerate(versions)}
    kept = [version for version, number in last.items() if number >= 5]
    assert kept
    for version in kept:
        assert after.changed_since(version) == before.changed_since(version)


async def test_it_is_stored_after_a_change_and_once_a_minute() -> None:
    """Not after every refresh, and not over a longer history of the same catalog."""
    clock = [0.0]
    storage, history = Storage(), CatalogHistory()
    stored = StoredHistory(storage, now_s=lambda: clock[0])
    record(history, {KEYS[0]: True})
    await stored.store(history)
    await stored.store(history)
    assert storage.writes == 1
    record(history, {KEYS[1]: True})
    await stored.store(history)
    assert storage.writes == 2
    newcomer = CatalogHistory()
    record(newcomer, {KEYS[1]: True})
    await StoredHistory(storage).store(newcomer)
    assert storage.writes == 2
    storage.data = None
    clock[0] = STORE_INTERVAL_S
    await stored.store(history)
    assert storage.writes == 3


async def test_without_redis_the_catalog_goes_on() -> None:
    """Damaged bytes are ignored, and unknown sources and symbols are left out."""
    storage, history = Storage(), CatalogHistory()
    storage.is_away = True
    await StoredHistory(storage).restore(history)
    record(history, {KEYS[0]: True})
    await StoredHistory(storage).store(history)
    storage.is_away = False
    for data in (b"", b"{}", b"\xff", b'{"version":"v","first":{},"changes":[{"binance:BTC/USDT":"yes"}]}'):
        storage.data = data
        await StoredHistory(storage).restore(history)
    storage.data = (
        b'{"version":"v","first":{"nasdaq:A/B":true,"binance:ab":true},"changes":[{"binance:A/B":true}]}'
    )
    restored = CatalogHistory()
    await StoredHistory(storage).restore(restored)
    assert restored.recent == ({}, ({TickerKey(Source.BINANCE, parse_symbol("A/B")): True},))


@asynccontextmanager
async def run(gateway: Gateway) -> AsyncIterator[Gateway]:
    task = asyncio.create_task(gateway.run())
    try:
        await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
        yield gateway
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_gateway_that_starts_resumes_a_client_of_one_that_has_ended(
    redis_url: str,
    cache: MemoryCache,
    instruments: ListedInstruments,
    settings: GatewaySettings,
    ticker: BuildTicker,
) -> None:
    """Though the instruments have changed since its cursor, before the gateway started."""
    redis = open_redis(redis_url)
    await redis.flushall()
    storage = RedisBytes(redis, RedisKeys(simulated=True).catalog_history())
    gateways = [
        Gateway(cache, instruments, settings, simulated=True, catalog_history=storage) for _ in range(2)
    ]
    await cache.write([ticker(price="1"), ticker("SOL/USDT", "5")])
    async with run(gateways[0]) as first:
        cursor, before = first.rates.cursor(), first.catalog.version
        removed = instruments.instruments.pop(0)
        instruments.add(BINANCE, "SOL/USDT")
        await wait_until(lambda: first.catalog.version != before)
        newest = first.catalog.version
        async with asyncio.timeout(30):
            while newest.encode() not in (await storage.read() or b""):  # noqa: ASYNC110 - Redis offers no event
                await asyncio.sleep(0.002)
    async with run(gateways[1]) as second:
        assert second.catalog.version == newest
        async with aclosing(second.live_queries.iterate(RatesQuery(), AT_ONCE, cursor)) as events:
            snapshot = await following(events)
        assert (snapshot.recovered, prices(snapshot)) == (True, [("SOL/USDT", "5")])
        assert removed.symbol in [each.symbol for each in snapshot.unavailable]
    await redis.aclose()
