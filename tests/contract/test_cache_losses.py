"""Data loss and outages that affect only one of the two caches."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cache.memory import MemoryCache
from cache.ports import FeedMessage
from cache.redis_client import open_redis
from rates.errors import CacheUnavailable
from rates.source import Source
from tests.contract.caches import ETH, NAMES, RedisCache, ticker


async def drain(messages: AsyncIterator[FeedMessage]) -> None:
    async with asyncio.timeout(5):
        async for _ in messages:
            pass


async def test_a_flushed_cache_begins_a_new_epoch(redis_url: str) -> None:
    """After FLUSHALL no position of the old epoch can be resumed."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    await redis.flushall()
    await cache.write([ticker(at=10)])
    first = await cache.read_snapshot(Source.BINANCE)
    await redis.flushall()
    await cache.write([ticker(at=5)])
    second = await cache.read_snapshot(Source.BINANCE)
    assert second.epoch != first.epoch
    assert second.seq == 1
    assert await cache.read_after(Source.BINANCE, first.epoch, 0) is None
    await redis.aclose()


async def test_a_partly_evicted_cache_begins_a_new_epoch(redis_url: str) -> None:
    """Losing any one of the keys `cache`, `order` and `head` discards the others."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    for lost in (NAMES.cache, NAMES.order, NAMES.head):
        await redis.flushall()
        await cache.write([ticker(at=10), ticker(ETH, at=10)])
        first = await cache.read_snapshot(Source.BINANCE)
        await redis.delete(lost(Source.BINANCE))
        await cache.write([ticker(at=11)])
        second = await cache.read_snapshot(Source.BINANCE)
        assert (second.epoch != first.epoch, second.seq) == (True, 1)
    await redis.aclose()


@pytest.mark.servers
async def test_an_unreachable_redis_is_a_typed_error(unused_tcp_port: int) -> None:
    """All operations raise `CacheUnavailable`."""
    redis = open_redis(f"redis://127.0.0.1:{unused_tcp_port}/0")
    cache = RedisCache(redis, NAMES)
    with pytest.raises(CacheUnavailable, match="Redis"):
        await cache.write([ticker(at=1)])
    with pytest.raises(CacheUnavailable):
        await cache.read_snapshot(Source.BINANCE)
    with pytest.raises(CacheUnavailable):
        async with cache.subscribe():
            pass
    await redis.aclose()


async def test_a_slow_subscriber_of_the_memory_cache_must_reload() -> None:
    """Its queue is bounded, and overflow ends the subscription with `CacheUnavailable`."""
    cache = MemoryCache(stream_length=10)
    async with cache.subscribe() as messages:
        for at in range(1, 3000):
            await cache.write([ticker(at=at)])
        with pytest.raises(CacheUnavailable, match="behind"):
            await drain(messages)
