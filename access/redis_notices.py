"""Changes of keys in Redis: the last ones by their revision, and a message for each.

A change has the whole key but for its secrets, of which it has the hashes: a gateway that reaches Redis alone knows as much as one that
reaches the database.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
import structlog
from redis.asyncio import Redis

from access.api_key import ApiKey
from access.ports import KeyChanges
from cache.redis_client import LuaScript, RedisClient, ScriptArgument, read_script, translated_errors
from cache.redis_subscription import open_subscription
from rates.redis_keys import RedisKeys

# Changes that are kept. A gateway that has missed more asks the database.
KEPT_CHANGES = 1_000

log = structlog.get_logger("ratewire.access")


class RedisKeyNotices:
    """A `KeyNotices` on Redis."""

    def __init__(self, redis: RedisClient, keys: RedisKeys) -> None:
        self._redis = redis
        self._changes, self._state, self._channel = keys.key_changes(), keys.key_state(), keys.key_channel()
        self._script = LuaScript(redis, read_script("access", "publish_changes.lua"))

    async def read_revision(self) -> int | None:
        state = await self._read_state()
        return None if state is None else state[0]

    async def publish(self, changes: KeyChanges, since: int, *, resets: bool = False) -> None:
        arguments: list[ScriptArgument] = [changes.revision, since, KEPT_CHANGES, self._channel, int(resets)]
        for key in changes.keys:
            arguments += [key.revision, msgspec.json.encode(key)]
        await self._script.run([self._changes, self._state], arguments)

    async def read_since(self, revision: int) -> KeyChanges | None:
        state = await self._read_state()
        if state is None:
            return None
        latest, complete_since = state
        if latest < revision or complete_since > revision:
            # Redis was emptied, or has not been told of all that we know.
            return None
        if latest == revision:
            return KeyChanges(latest, ())
        with translated_errors():
            found = await self._redis.execute_command("ZRANGEBYSCORE", self._changes, revision + 1, "+inf")
        keys = [_decode(data) for data in found]
        readable = tuple([key for key in keys if key is not None])
        return KeyChanges(latest, readable) if len(readable) == len(keys) else None

    async def _read_state(self) -> tuple[int, int] | None:
        with translated_errors():
            revision, since = await self._redis.execute_command("HMGET", self._state, "revision", "since")
        return None if revision is None or since is None else (int(revision), int(since))

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[ApiKey]]:
        return self._subscribe()

    @asynccontextmanager
    async def _subscribe(self) -> AsyncIterator[AsyncIterator[ApiKey]]:
        redis, opened = self._redis, None
        if not isinstance(redis, Redis):
            # A cluster carries an ordinary message to each of its nodes.
            host, port = redis.url.hosts[0]
            redis = opened = redis.open_node(host, port)
        try:
            async with open_subscription(redis, [[self._channel]]) as messages:
                yield _decode_all(messages)
        finally:
            if opened is not None:
                await opened.aclose()


async def _decode_all(messages: AsyncIterator[tuple[bytes, bytes]]) -> AsyncIterator[ApiKey]:
    async for _, data in messages:
        if (key := _decode(data)) is not None:
            yield key


def _decode(data: bytes) -> ApiKey | None:
    try:
        return msgspec.json.decode(data, type=ApiKey)
    except msgspec.MsgspecError as exc:
        # Of another version: the database has it too.
        log.warning("unreadable change of a key", error=str(exc))
        return None
