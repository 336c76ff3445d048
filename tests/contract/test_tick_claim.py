"""Contract of tick claims, run against the Redis and in-memory implementations."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cache.redis_client import open_redis
from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from pipeline.coordination.redis_tick_claim import RedisTickClaim
from pipeline.ports import TickClaim
from pipeline.tick import tick_number
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from tests.contract.caches import IMPLEMENTATIONS, url_of
from tests.pipeline.fakes import FakeClock, eventually

# Long enough that no tick ends during a test.
INTERVAL = timedelta(days=3000)
SHORT = timedelta(milliseconds=100)


@pytest.fixture(params=IMPLEMENTATIONS)
async def producers(request: pytest.FixtureRequest) -> AsyncIterator[list[TickClaim]]:
    """Tick claims of two producers that share one schedule."""
    if request.param == "memory":
        claim = MemoryTickClaim(utc_now)
        yield [claim, claim]
        return
    redis = open_redis(url_of(request))
    await redis.flushall()
    yield [RedisTickClaim(redis, RedisKeys(simulated=False), schedule="tick") for _ in range(2)]
    await redis.aclose()


async def test_exactly_one_producer_claims_a_tick(producers: list[TickClaim]) -> None:
    """One of ten concurrent claims succeeds; all are told when the tick ends."""
    ticks = await asyncio.gather(*(producer.claim(Source.BINANCE, INTERVAL) for producer in producers * 5))
    assert sorted(tick.is_claimed for tick in ticks) == [False] * 9 + [True]
    assert len({tick.ends_at for tick in ticks}) == 1
    assert all(timedelta() < tick.left <= INTERVAL for tick in ticks)


async def test_any_producer_can_claim_the_next_tick(producers: list[TickClaim]) -> None:
    """A producer that dies after a claim does not delay the others."""
    one, other = producers
    first = await one.claim(Source.BINANCE, SHORT)

    async def claims() -> bool:
        tick = await other.claim(Source.BINANCE, SHORT)
        return tick.is_claimed and tick.ends_at > first.ends_at

    assert first.is_claimed
    await eventually(claims)


async def test_each_source_has_its_own_ticks(producers: list[TickClaim]) -> None:
    """A tick of one source is not that of another."""
    one, other = producers
    assert (await one.claim(Source.BINANCE, INTERVAL)).is_claimed
    assert (await other.claim(Source.COINGECKO, INTERVAL)).is_claimed


async def test_a_tick_with_too_little_left_is_not_claimed(producers: list[TickClaim]) -> None:
    """It stays for a producer that runs already."""
    one, other = producers
    assert not (await one.claim(Source.BINANCE, INTERVAL, INTERVAL)).is_claimed
    assert (await other.claim(Source.BINANCE, INTERVAL)).is_claimed


async def test_each_schedule_has_its_own_ticks(redis_url: str) -> None:
    """A tick of the listings is not one of the producers."""
    redis, names = open_redis(redis_url), RedisKeys(simulated=False)
    await redis.flushall()
    ticks = RedisTickClaim(redis, names, schedule="tick")
    listings = RedisTickClaim(redis, names, schedule="listing")
    assert (await ticks.claim(Source.BINANCE, INTERVAL)).is_claimed
    assert (await listings.claim(Source.BINANCE, INTERVAL)).is_claimed
    assert not (await listings.claim(Source.BINANCE, INTERVAL)).is_claimed
    await redis.aclose()


async def test_redis_claims_by_its_own_clock(redis_url: str) -> None:
    """It names the same ticks as the schedule does for that time."""
    redis = open_redis(redis_url)
    await redis.flushall()
    claim = RedisTickClaim(redis, RedisKeys(simulated=False), schedule="tick")
    tick = await claim.claim(Source.BINANCE, timedelta(seconds=4))
    seconds, microseconds = await redis.time()
    assert tick.now.timestamp() == pytest.approx(seconds + microseconds / 1e6, abs=2)
    assert tick_number(tick.now, timedelta(seconds=4)) == tick_number(tick.ends_at, timedelta(seconds=4)) - 1
    await redis.aclose()


@pytest.mark.parametrize("back_s", [3, 300, 900])
async def test_a_clock_that_steps_back_stops_no_schedule(back_s: float) -> None:
    """The ticks before the step count as new ones, each once."""
    clock = FakeClock()
    claim, interval = MemoryTickClaim(clock), timedelta(seconds=2)
    assert (await claim.claim(Source.BINANCE, interval)).is_claimed
    clock.advance(seconds=-back_s)
    assert (await claim.claim(Source.BINANCE, interval)).is_claimed
    assert not (await claim.claim(Source.BINANCE, interval)).is_claimed
    clock.advance(seconds=2)
    assert (await claim.claim(Source.BINANCE, interval)).is_claimed
