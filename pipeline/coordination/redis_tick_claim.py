"""Tick claims in Redis: the first replica that sets the key of a tick has claimed it."""

from datetime import timedelta

from cache.redis_client import RedisClient, translated_errors
from rates.redis_keys import RedisKeys
from rates.source import Source


class RedisTickClaim:
    """A `TickClaim` on Redis.

    `holder` identifies this process in the key; each `schedule` has ticks of its own.
    """

    def __init__(self, redis: RedisClient, keys: RedisKeys, *, holder: str, schedule: str) -> None:
        self._redis, self._keys, self._holder, self._schedule = redis, keys, holder, schedule

    async def claim(self, source: Source, number: int, lifetime: timedelta) -> bool:
        with translated_errors():
            key = self._keys.tick(source, number, self._schedule)
            return bool(await self._redis.set(key, self._holder, nx=True, px=lifetime))
