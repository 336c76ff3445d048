"""A cooldown in Redis, timed by Redis, so that the clocks of replicas need not agree."""

from datetime import timedelta

from cache.redis_client import LuaScript, RedisClient, read_script

_MICROSECOND = timedelta(microseconds=1)


class RedisCooldown:
    """A `Cooldown` on Redis, stored under `key`."""

    def __init__(self, redis: RedisClient, key: str) -> None:
        self._key = key
        self._start = LuaScript(redis, read_script("pipeline.coordination", "block.lua", "cooldown.lua"))
        self._remaining = LuaScript(redis, read_script("pipeline.coordination", "block.lua", "remaining.lua"))

    async def remaining(self) -> timedelta:
        return int(await self._remaining.run([self._key], [])) * _MICROSECOND

    async def start(self, span: timedelta) -> None:
        await self._start.run([self._key], [span // _MICROSECOND])
