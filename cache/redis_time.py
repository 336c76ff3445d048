"""Redis as the clock that all processes share."""

from collections.abc import Mapping
from datetime import timedelta

from cache.redis_client import LuaScript, RedisClient, ScriptArgument, read_script
from rates.redis_keys import RedisKeys
from rates.source import Source
from runtime.clock.process_clock import ServerTime

# Three measurements of a process.
SHARED_LIFETIME = timedelta(seconds=15)
_US = 1_000_000


class RedisTime:
    """A `TimeServer` on Redis. In a cluster it is the clock of one node."""

    def __init__(self, redis: RedisClient, keys: RedisKeys) -> None:
        self._key = keys.clock
        self._script = LuaScript(redis, read_script("cache", "clock.lua"))

    async def read_time(self, share: Mapping[Source, float] | None = None) -> ServerTime:
        arguments: list[ScriptArgument] = [SHARED_LIFETIME // timedelta(microseconds=1)]
        for source, ahead_s in (share or {}).items():
            arguments += (source, round(ahead_s * _US))
        now_us, *entries = await self._script.run([self._key], arguments)
        known = {source.encode(): source for source in Source}
        pairs = zip(entries[::2], entries[1::2], strict=True)
        return ServerTime(
            int(now_us) / _US, {known[name]: int(ahead) / _US for name, ahead in pairs if name in known}
        )
