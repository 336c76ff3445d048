"""Contract of cooldowns, run against the Redis and in-memory implementations."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import NamedTuple

import pytest

from cache.redis_client import open_redis
from pipeline.coordination.local_cooldown import LocalCooldown
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.coordination.redis_cooldown import RedisCooldown
from pipeline.ports import Cooldown
from rates.clock import utc_now
from rates.errors import CacheUnavailable
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.free_port import free_port
from tests.contract.caches import IMPLEMENTATIONS, url_of
from tests.pipeline.fakes import eventually

NONE, SHORT, LONG = timedelta(), timedelta(milliseconds=150), timedelta(hours=1)
KEY = RedisKeys(simulated=True).stream_not_before(Source.BINANCE)


class Replicas(NamedTuple):
    """One cooldown as seen by two processes."""

    one: Cooldown
    other: Cooldown


@pytest.fixture(params=IMPLEMENTATIONS)
async def replicas(request: pytest.FixtureRequest) -> AsyncIterator[Replicas]:
    """Two replicas without a cooldown."""
    if request.param == "memory":
        cooldown = MemoryCooldown(utc_now)
        yield Replicas(cooldown, cooldown)
        return
    url = url_of(request)
    async with aclosing(open_redis(url)) as one, aclosing(open_redis(url)) as other:
        await one.delete(KEY)
        yield Replicas(RedisCooldown(one, KEY), RedisCooldown(other, KEY))


async def test_there_is_no_cooldown_at_first(replicas: Replicas) -> None:
    """The remaining time is zero."""
    assert await replicas.one.remaining() == NONE


async def test_a_cooldown_applies_to_all_replicas_and_ends(replicas: Replicas) -> None:
    """It ends by itself, and not early."""
    begun = utc_now()
    await replicas.one.start(SHORT)

    async def is_over() -> bool:
        return await replicas.other.remaining() == NONE

    await eventually(is_over)
    assert utc_now() - begun >= SHORT


async def test_a_cooldown_has_its_full_length_at_first(replicas: Replicas) -> None:
    """The other replica reads it in the unit in which it was set."""
    await replicas.one.start(LONG)
    assert LONG / 2 < await replicas.other.remaining() <= LONG


async def test_a_shorter_cooldown_does_not_shorten_a_longer_one(replicas: Replicas) -> None:
    """The later end counts."""
    await replicas.one.start(LONG)
    await replicas.other.start(SHORT)
    assert await replicas.one.remaining() > LONG - timedelta(minutes=1)


@pytest.mark.servers
async def test_a_process_keeps_its_own_cooldown_without_redis() -> None:
    """While Redis is unavailable, the local cooldown still applies."""
    async with aclosing(open_redis(f"redis://127.0.0.1:{free_port()}/0")) as redis:
        shared = RedisCooldown(redis, KEY)
        with pytest.raises(CacheUnavailable):
            await shared.remaining()
        cooldown = LocalCooldown(shared, utc_now)
        assert await cooldown.remaining() == NONE
        await cooldown.start(LONG)
        assert await cooldown.remaining() > LONG - timedelta(minutes=1)


async def test_cooldowns_of_other_replicas_apply_as_well() -> None:
    """The longer of the shared and the local cooldown counts."""
    shared = MemoryCooldown(utc_now)
    cooldown = LocalCooldown(shared, utc_now)
    await shared.start(LONG)
    assert await cooldown.remaining() > SHORT
    await LocalCooldown(shared, utc_now).start(2 * LONG)
    assert await cooldown.remaining() > LONG
