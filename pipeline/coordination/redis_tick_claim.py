"""Tick claims in Redis, by its clock: the clocks of replicas need not agree."""

from datetime import timedelta

from cache.redis_client import LuaScript, RedisClient, read_script
from pipeline.tick import Tick, tick_time
from rates.clock import parse_us
from rates.redis_keys import RedisKeys
from rates.source import Source

# Afterwards the key expires; a tick is over long before.
LIFETIME_TICKS = 10
MIN_LIFETIME = timedelta(minutes=1)
_MICROSECOND, _MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)


class RedisTickClaim:
    """A `TickClaim` on Redis. Each `schedule` has ticks of its own."""

    def __init__(self, redis: RedisClient, keys: RedisKeys, *, schedule: str) -> None:
        self._keys, self._schedule = keys, schedule
        self._claim = LuaScript(redis, read_script("pipeline.coordination", "claim.lua"))

    async def claim(self, source: Source, interval: timedelta, least_left: timedelta = timedelta()) -> Tick:
        lifetime = max(MIN_LIFETIME, LIFETIME_TICKS * interval)
        arguments = [interval // _MICROSECOND, least_left // _MICROSECOND, lifetime // _MILLISECOND]
        claimed, number, now_us = await self._claim.run([self._keys.tick(source, self._schedule)], arguments)
        return Tick(
            is_claimed=bool(claimed), now=parse_us(int(now_us)), ends_at=tick_time(int(number) + 1, interval)
        )
