"""The shared state of the pipeline in Redis, for the distributed system."""

from cache.redis_client import RedisClient
from pipeline.coordination.call_limits import CallLimits
from pipeline.coordination.redis_cooldown import RedisCooldown
from pipeline.coordination.redis_request_budget import RedisRequestBudget
from pipeline.coordination.redis_tick_claim import RedisTickClaim
from rates.clock import Clock
from rates.redis_keys import RedisKeys
from rates.source import Source


class RedisCoordination:
    """A `Coordination` on Redis."""

    def __init__(self, redis: RedisClient, keys: RedisKeys, *, clock: Clock) -> None:
        self._redis, self._keys, self._clock = redis, keys, clock

    def tick_claim(self, schedule: str) -> RedisTickClaim:
        return RedisTickClaim(self._redis, self._keys, schedule=schedule)

    def request_budget(self, source: Source, limits: CallLimits) -> RedisRequestBudget:
        return RedisRequestBudget(self._redis, self._keys, source, limits, clock=self._clock)

    def request_cooldown(self, source: Source) -> RedisCooldown:
        return RedisCooldown(self._redis, self._keys.not_before(source))

    def feed_cooldown(self, source: Source) -> RedisCooldown:
        return RedisCooldown(self._redis, self._keys.stream_not_before(source))
