"""Tick claims in Redis: whoever sets the key first has the tick."""

from datetime import timedelta

from redis.asyncio import Redis

from cache.redis_client import translated_errors
from rates.names import RedisNames
from rates.source import Source


class RedisTickClaim:
    """A `TickClaim` on Redis; `holder` names this producer to a person who looks."""

    def __init__(self, redis: Redis, names: RedisNames, *, holder: str) -> None:
        self._redis, self._names, self._holder = redis, names, holder

    async def claim(self, source: Source, number: int, lifetime: timedelta) -> bool:
        with translated_errors():
            return bool(
                await self._redis.set(self._names.tick(source, number), self._holder, nx=True, px=lifetime)
            )
