"""Contract of tick claims, run against the Redis and in-memory implementations."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cache.redis_client import open_redis
from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from pipeline.coordination.redis_tick_claim import RedisTickClaim
from pipeline.ports import TickClaim
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import IMPLEMENTATIONS, url_of
from tests.pipeline.fakes import eventually

LIFETIME = timedelta(minutes=1)


@pytest.fixture(params=IMPLEMENTATIONS)
async def producers(request: pytest.FixtureRequest) -> AsyncIterator[list[TickClaim]]:
    """Tick claims of two producers that share one schedule."""
    if request.param == "memory":
        claim = MemoryTickClaim(utc_now)
        yield [claim, claim]
        return
    redis = open_redis(url_of(request))
    await redis.flushall()
    yield [
        RedisTickClaim(redis, RedisKeys(simulated=False), holder=name, schedule="tick")
        for name in ("one", "other")
    ]
    await redis.aclose()


async def test_exactly_one_producer_claims_a_tick(producers: list[TickClaim]) -> None:
    """One of ten concurrent claims succeeds."""
    answers = await asyncio.gather(
        *(producer.claim(Source.BINANCE, 7, LIFETIME) for producer in producers * 5)
    )
    assert sorted(answers) == [False] * 9 + [True]


async def test_any_producer_can_claim_the_next_tick(producers: list[TickClaim]) -> None:
    """A producer that dies after a claim does not delay the others."""
    one, other = producers
    assert await one.claim(Source.BINANCE, 7, LIFETIME)
    assert await other.claim(Source.BINANCE, 8, LIFETIME)


async def test_each_source_has_its_own_ticks(producers: list[TickClaim]) -> None:
    """Tick 7 of one source is not tick 7 of another."""
    one, other = producers
    assert await one.claim(Source.BINANCE, 7, LIFETIME)
    assert await other.claim(Source.COINGECKO, 7, LIFETIME)


async def test_a_claim_expires(producers: list[TickClaim]) -> None:
    """After its lifetime the same tick can be claimed again."""
    one, other = producers
    assert await one.claim(Source.BINANCE, 7, timedelta(milliseconds=100))
    await eventually(lambda: other.claim(Source.BINANCE, 7, LIFETIME))


async def test_each_schedule_has_its_own_ticks(redis_url: str) -> None:
    """Tick 7 of the listings is not tick 7 of the producers."""
    redis, names = open_redis(redis_url), RedisKeys(simulated=False)
    await redis.flushall()
    ticks = RedisTickClaim(redis, names, holder="producer", schedule="tick")
    listings = RedisTickClaim(redis, names, holder="listings", schedule="listing")
    assert await ticks.claim(Source.BINANCE, 7, LIFETIME)
    assert await listings.claim(Source.BINANCE, 7, LIFETIME)
    assert not await listings.claim(Source.BINANCE, 7, LIFETIME)
    await redis.aclose()
