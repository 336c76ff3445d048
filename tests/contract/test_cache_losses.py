"""Data loss and outages that affect only one of the two caches."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cache.memory import MemoryCache
from cache.ports import Checkpoint, FeedMessage
from cache.redis_client import open_redis
from cache.redis_sink import BATCH_SIZE
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.wire import Changes, encode_ticker
from tests.contract.caches import BTC, ETH, NAMES, RedisCache, report, ticker, undated

PATIENCE_S = 60


async def drain(messages: AsyncIterator[FeedMessage]) -> None:
    async with asyncio.timeout(PATIENCE_S):
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
    await RedisCache(redis, NAMES).write([ticker(at=5)])
    second = await cache.read_snapshot(Source.BINANCE)
    assert second.epoch != first.epoch
    assert second.seq == 1
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
        await RedisCache(redis, NAMES).write([ticker(at=11)])
        second = await cache.read_snapshot(Source.BINANCE)
        assert (second.epoch != first.epoch, second.seq) == (True, 1)
    await redis.aclose()


async def test_a_cache_with_the_history_of_another_server_begins_a_new_epoch(redis_url: str) -> None:
    """Begin a new epoch with a server whose history differs: its last writes may be missing."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    await redis.flushall()
    await cache.write([ticker(at=10)])
    first = await cache.read_snapshot(Source.BINANCE)
    await redis.hset(NAMES.head(Source.BINANCE), "history", "another")
    await RedisCache(redis, NAMES).write([ticker(ETH, at=11)])
    second = await cache.read_snapshot(Source.BINANCE)
    assert (second.epoch != first.epoch, second.seq) == (True, 1)
    assert {each.symbol for each in second.tickers} == {BTC, ETH}
    # The survivor was there before the first write of the epoch.
    assert second.seqs == {BTC: 0, ETH: 1}
    await redis.aclose()


async def test_a_ticker_cached_by_an_earlier_version_has_no_write(redis_url: str) -> None:
    """It is read, and the snapshot does not say which write stored it."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    await redis.flushall()
    await cache.write([ticker(at=10), ticker(ETH, at=10)])
    await redis.hset(NAMES.cache(Source.BINANCE), "BTC/USDT", encode_ticker(ticker(at=10)))
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert {each.symbol for each in snapshot.tickers} == {BTC, ETH}
    assert snapshot.seqs == {ETH: 1}
    await redis.aclose()


async def test_a_writer_writes_its_newest_tickers_again_in_a_new_epoch(redis_url: str) -> None:
    """A loss of Redis's data costs no value, and older values do not come back."""
    redis = open_redis(redis_url)
    writer, other = RedisCache(redis, NAMES), RedisCache(redis, NAMES)
    await redis.flushall()
    await writer.write([ticker(at=10, price="1"), ticker(ETH, at=10, price="2")])
    await writer.write([ticker(at=9, price="0")])
    await redis.flushall()
    await other.write([ticker(at=11, price="3")])
    await writer.report(report("one", 12))
    prices = {each.symbol: each.price for each in (await writer.read_snapshot(Source.BINANCE)).tickers}
    assert prices == {BTC: 3, ETH: 2}
    before = await writer.read_snapshot(Source.BINANCE)
    await writer.report(report("one", 13))
    await other.report(report("other", 13))
    assert (await writer.read_snapshot(Source.BINANCE)).seq == before.seq
    await redis.aclose()


async def test_all_tickers_of_a_large_source_are_written_again(redis_url: str) -> None:
    """In several script calls, each of which blocks Redis for a short time only."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    await redis.flushall()
    symbols = [Symbol(f"A{number}", "USDT") for number in range(2 * BATCH_SIZE + 1)]
    await cache.write([ticker(symbol, at=10) for symbol in symbols])
    await redis.flushall()
    await cache.report(report("one", 11))
    snapshot = await cache.read_snapshot(Source.BINANCE)
    assert {each.symbol for each in snapshot.tickers} == set(symbols)
    assert snapshot.seq == 3
    await redis.aclose()


async def test_a_report_begins_a_new_epoch_only_once(redis_url: str) -> None:
    """Without a writer that knows the values, the lost cache stays empty in the same epoch."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    await redis.flushall()
    await cache.write([ticker(at=10)])
    first = await cache.read_snapshot(Source.BINANCE)
    await redis.delete(NAMES.order(Source.BINANCE))
    reporter = RedisCache(redis, NAMES)
    await reporter.report(report("one", 11))
    second = await cache.read_snapshot(Source.BINANCE)
    await reporter.report(report("one", 12))
    third = await cache.read_snapshot(Source.BINANCE)
    assert second.epoch != first.epoch
    assert (second.epoch, second.seq, second.tickers) == (third.epoch, 0, ())
    assert third.seq == 0
    await redis.aclose()


async def test_a_report_carries_the_position_of_the_last_write(redis_url: str) -> None:
    """So a subscriber notices messages that it missed before the next change."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    await redis.flushall()
    async with cache.subscribe() as messages, asyncio.timeout(PATIENCE_S):
        await cache.report(report("one", 1))
        assert undated(await anext(messages)) == report("one", 0)
        assert await anext(messages) == Checkpoint(Source.BINANCE, "", 0)
        await cache.write([ticker(at=10)])
        await cache.report(report("one", 2))
        written, _, checkpoint = [await anext(messages) for _ in range(3)]
    assert isinstance(written, Changes)
    assert checkpoint == Checkpoint(Source.BINANCE, written.epoch, written.seq)
    await redis.aclose()


async def test_a_subscription_that_was_interrupted_ends(redis_url: str) -> None:
    """Redis-py subscribes again by itself, but the messages in between are lost."""
    redis = open_redis(redis_url)
    cache = RedisCache(redis, NAMES)
    async with cache.subscribe() as messages:
        await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        with pytest.raises(CacheUnavailable):
            await drain(messages)
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
    cache = MemoryCache()
    async with cache.subscribe() as messages:
        for at in range(1, 3000):
            await cache.write([ticker(at=at)])
        with pytest.raises(CacheUnavailable, match="behind"):
            await drain(messages)
