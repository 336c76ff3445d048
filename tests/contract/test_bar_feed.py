"""Contract of the log of bars as gateways read it, on Redis and in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
import pytest

from cache.redis_client import open_redis
from history.memory_log import SUBSCRIBER_BATCHES, MemoryBarLog
from history.ports import BarFeed, BarLog, BarMessage, LogTail
from history.redis_bar_feed import RedisBarFeed
from history.redis_log import RedisBarLog
from rates.errors import CacheUnavailable
from rates.source import Source
from tests.contract.caches import IMPLEMENTATIONS, url_of
from tests.contract.test_bar_log import KEYS, batch, without_forming
from tests.pipeline.fakes import FakeClock

TIMEOUT_S = 60


class LogEnds(NamedTuple):
    """Both ends of a log, in one process or in two."""

    log: BarLog
    feed: BarFeed


@pytest.fixture(params=IMPLEMENTATIONS)
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[LogEnds]:
    """A log that one process writes and another one reads."""
    if request.param == "memory":
        log = MemoryBarLog(FakeClock())
        yield LogEnds(log, log)
        return
    clients = [open_redis(url_of(request)) for _ in range(2)]
    await clients[0].flushall()
    yield LogEnds(RedisBarLog(clients[0], KEYS), RedisBarFeed(clients[1], KEYS))
    for one in clients:
        await one.aclose()


async def next_of(messages: AsyncIterator[BarMessage]) -> BarMessage:
    """Return the next message, in time."""
    async with asyncio.timeout(TIMEOUT_S):
        return await anext(messages)


async def test_batches_come_as_they_are_written(ends: LogEnds) -> None:
    """With their forming seconds, in the order of each source."""
    async with ends.feed.subscribe() as messages:
        for source in (Source.BINANCE, Source.KRAKEN):
            assert await ends.log.claim(source, "one")
        written = [batch(number) for number in range(1, 4)]
        for one in written:
            assert await ends.log.write(one, [])
        found = [await next_of(messages) for _ in written]
        assert found == written
        assert await ends.log.write(batch(1, source=Source.KRAKEN), [])
        assert await next_of(messages) == batch(1, source=Source.KRAKEN)


async def test_the_end_of_the_log_has_what_came_before(ends: LogEnds) -> None:
    """In order and without forming seconds; nothing of another source."""
    assert await ends.feed.read_tail(Source.BINANCE) == LogTail(Source.BINANCE, ())
    assert await ends.log.claim(Source.BINANCE, "one")
    for number in range(1, 251):
        assert await ends.log.write(batch(number), [])
    tail = await ends.feed.read_tail(Source.BINANCE)
    assert tail.batches == tuple(without_forming(batch(number)) for number in range(1, 251))
    assert await ends.feed.read_tail(Source.KRAKEN) == LogTail(Source.KRAKEN, ())


async def test_a_reader_that_falls_behind_is_told() -> None:
    """In one process, where nothing else bounds its memory."""
    log = MemoryBarLog(FakeClock())
    assert await log.claim(Source.BINANCE, "one")
    async with log.subscribe() as messages:
        for number in range(1, SUBSCRIBER_BATCHES + 2):
            assert await log.write(msgspec.structs.replace(batch(number)), [])
        for _ in range(SUBSCRIBER_BATCHES):
            await next_of(messages)
        with pytest.raises(CacheUnavailable):
            await next_of(messages)


async def test_unreadable_batches_are_left_out(redis_url: str) -> None:
    """Their number is missing then, of which readers make a gap."""
    redis = open_redis(redis_url)
    await redis.flushall()
    feed, log = RedisBarFeed(redis, KEYS, tail_length=3), RedisBarLog(redis, KEYS)
    assert await log.claim(Source.BINANCE, "one")
    async with feed.subscribe() as messages:
        await redis.execute_command("PUBLISH", KEYS.bars_channel(Source.BINANCE), "<html>")
        await redis.execute_command("XADD", KEYS.bars(Source.BINANCE), "*", "batch", "<html>")
        assert await log.write(batch(2), [])
        assert await next_of(messages) == batch(2)
    assert (await feed.read_tail(Source.BINANCE)).batches == (without_forming(batch(2)),)
    await redis.aclose()
