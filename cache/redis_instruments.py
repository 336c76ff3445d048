"""Bytes about the instruments that all processes share, in Redis."""

from datetime import timedelta

from cache.redis_client import RedisClient, translated_errors

# Longer than an outage of a database should last; finite, so that the key of a system that is gone expires.
LIFETIME = timedelta(days=30)


class RedisBytes:
    """Stores the bytes of one key for all processes. Their content is opaque here."""

    def __init__(self, redis: RedisClient, key: str) -> None:
        self._redis = redis
        self._key = key

    async def read(self) -> bytes | None:
        """Return the bytes, or `None` if there are none.

        Raises:
            CacheUnavailable: Redis cannot be reached.
        """
        with translated_errors():
            data: bytes | None = await self._redis.execute_command("GET", self._key)
            return data

    async def write(self, data: bytes) -> None:
        """Replace the bytes.

        Raises:
            CacheUnavailable: they may or may not be stored.
        """
        with translated_errors():
            await self._redis.set(self._key, data, px=LIFETIME)
