"""Tick claims in Redis: whoever sets the key first has the tick."""

from datetime import timedelta

from cache.redis_client import RedisClient, translated_errors
from rates.redis_keys import RedisKeys
from rates.source import Source


class RedisTickClaim:
    """A `TickClaim` on Redis; `holder` names this process to a person who looks, `schedule` whose ticks they are."""

    def __init__(self, redis: RedisClient, names: RedisKeys, *, holder: str, schedule: str = "tick") -> None:
        self._redis, self._names, self._holder, self._schedule = redis, names, holder, schedule

    async def claim(self, source: Source, number: int, lifetime: timedelta) -> bool:
        with translated_errors():
            key = self._names.tick(source, number, self._schedule)
            return bool(await self._redis.set(key, self._holder, nx=True, px=lifetime))
