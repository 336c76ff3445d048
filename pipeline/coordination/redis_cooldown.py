"""A hold in Redis, by the clock of Redis, so that replicas need not agree on the time."""

from datetime import timedelta

from redis.asyncio import Redis

from cache.redis_client import read_script, translated_errors

_MICROSECOND = timedelta(microseconds=1)


class RedisCooldown:
    """A `Cooldown` on Redis; `key` says whose."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis, self._key = redis, key
        self._hold = redis.register_script(read_script("pipeline.coordination", "cooldown.lua"))

    async def remaining(self) -> timedelta:
        with translated_errors():
            async with self._redis.pipeline(transaction=True) as transaction:
                transaction.time()
                transaction.get(self._key)
                (seconds, microseconds), until_us = await transaction.execute()
        left_us = int(until_us or 0) - (int(seconds) * 1_000_000 + int(microseconds))
        return max(left_us, 0) * _MICROSECOND

    async def start_cooldown(self, span: timedelta) -> None:
        with translated_errors():
            await self._hold(keys=[self._key], args=[span // _MICROSECOND])
