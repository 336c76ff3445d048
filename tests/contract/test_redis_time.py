"""Redis as the clock that processes share, in each form in which it is run."""

from collections.abc import AsyncIterator

import pytest

from cache.redis_client import open_redis
from cache.redis_time import RedisTime
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import IMPLEMENTATIONS, url_of

KEYS = RedisKeys(simulated=False)


@pytest.fixture(params=[each for each in IMPLEMENTATIONS if each != "memory"])
async def clocks(request: pytest.FixtureRequest) -> AsyncIterator[tuple[RedisTime, RedisTime]]:
    """The shared clock as two processes see it."""
    redis = open_redis(url_of(request))
    await redis.flushall()
    yield RedisTime(redis, KEYS), RedisTime(redis, KEYS)
    await redis.aclose()


async def test_processes_share_the_time_and_what_sources_prove(clocks: tuple[RedisTime, RedisTime]) -> None:
    """The most prompt process of a source counts."""
    one, other = clocks
    first = await one.read_time({Source.BINANCE: -0.25, Source.COINGECKO: -70.0})
    await other.read_time({Source.BINANCE: -3.5})
    second = await other.read_time()
    assert second.now_s >= first.now_s > 1_700_000_000
    assert second.sources == {Source.BINANCE: -0.25, Source.COINGECKO: -70.0}
    await other.read_time({Source.BINANCE: 300.0})
    assert (await one.read_time()).sources[Source.BINANCE] == 300


async def test_entries_of_another_time_do_not_count(redis_url: str) -> None:
    """Old ones, those from before a step back, and those of an unknown source."""
    redis = open_redis(redis_url)
    await redis.flushall()
    seconds, _ = await redis.time()
    for name, at_s in (("binance", seconds - 16), ("okx", seconds + 30), ("unknown", seconds)):
        await redis.hset(KEYS.clock, name, f"0:{at_s * 1_000_000}")
    assert (await RedisTime(redis, KEYS).read_time()).sources == {}
    await redis.aclose()
