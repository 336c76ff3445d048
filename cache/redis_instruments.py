"""The last known instruments in Redis."""

from datetime import timedelta

from cache.redis_client import RedisClient, translated_errors
from rates.redis_keys import RedisKeys

# Longer than an outage of a database should last; finite, so that the key of a system that is gone expires.
LIFETIME = timedelta(days=30)


class RedisInstrumentSnapshots:
    """Stores one snapshot for all processes. Its content is opaque here."""

    def __init__(self, redis: RedisClient, keys: RedisKeys) -> None:
        self._redis = redis
        self._key = keys.instruments()

    async def read(self) -> bytes | None:
        """Return the snapshot, or `None` if there is none.

        Raises:
            CacheUnavailable: Redis cannot be reached.
        """
        with translated_errors():
            data: bytes | None = await self._redis.execute_command("GET", self._key)
            return data

    async def write(self, data: bytes) -> None:
        """Replace the snapshot.

        Raises:
            CacheUnavailable: it may or may not be stored.
        """
        with translated_errors():
            await self._redis.set(self._key, data, px=LIFETIME)
