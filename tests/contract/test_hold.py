"""Holds: what one replica was told, all obey; in process and in Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import NamedTuple

import pytest

from cache.redis_client import open_redis
from pipeline.hold.memory_hold import MemoryHold
from pipeline.hold.redis_hold import RedisHold
from pipeline.hold.remembered_hold import RememberedHold
from pipeline.ports import Hold
from rates.clock import utc_now
from rates.errors import CacheUnavailable
from rates.names import RedisNames
from rates.source import Source
from tests.backends import free_port

NONE, SHORT, LONG = timedelta(), timedelta(milliseconds=150), timedelta(hours=1)
KEY = RedisNames(simulated=True).stream_not_before(Source.BINANCE)


class Replicas(NamedTuple):
    """The same hold as two processes have it."""

    one: Hold
    other: Hold


@pytest.fixture(params=["memory", "redis"])
async def replicas(request: pytest.FixtureRequest) -> AsyncIterator[Replicas]:
    """No hold in place."""
    if request.param == "memory":
        hold = MemoryHold(utc_now)
        yield Replicas(hold, hold)
        return
    url = request.getfixturevalue("redis_url")
    async with aclosing(open_redis(url)) as one, aclosing(open_redis(url)) as other:
        await one.delete(KEY)
        yield Replicas(RedisHold(one, KEY), RedisHold(other, KEY))


async def test_nobody_is_held_at_first(replicas: Replicas) -> None:
    """Nothing was refused."""
    assert await replicas.one.remaining() == NONE


async def test_a_hold_holds_all_replicas_and_ends(replicas: Replicas) -> None:
    """By itself, at its time and not before."""
    await replicas.one.hold_for(SHORT)
    assert NONE < await replicas.other.remaining() <= SHORT
    await asyncio.sleep(SHORT.total_seconds())
    assert await replicas.other.remaining() == NONE


async def test_a_shorter_hold_does_not_shorten_a_longer_one(replicas: Replicas) -> None:
    """The source said both; the later time is right."""
    await replicas.one.hold_for(LONG)
    await replicas.other.hold_for(SHORT)
    assert await replicas.one.remaining() > LONG - timedelta(minutes=1)


async def test_what_a_process_was_told_it_remembers_without_the_cache() -> None:
    """Redis is away: it obeys all the same, and asks on when nothing was refused."""
    async with aclosing(open_redis(f"redis://127.0.0.1:{free_port()}/0")) as redis:
        shared = RedisHold(redis, KEY)
        with pytest.raises(CacheUnavailable):
            await shared.remaining()
        hold = RememberedHold(shared, utc_now)
        assert await hold.remaining() == NONE
        await hold.hold_for(LONG)
        assert await hold.remaining() > LONG - timedelta(minutes=1)


async def test_what_others_were_told_counts_as_well() -> None:
    """The longer of the two."""
    shared = MemoryHold(utc_now)
    hold = RememberedHold(shared, utc_now)
    await shared.hold_for(LONG)
    assert await hold.remaining() > SHORT
    await RememberedHold(shared, utc_now).hold_for(2 * LONG)
    assert await hold.remaining() > LONG
