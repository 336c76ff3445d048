"""The log of batches in Redis: a stream per source, written under a lease."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from cache.redis_client import (
    ClusterRedis,
    LuaScript,
    RedisClient,
    ScriptArgument,
    read_script,
    translated_errors,
)
from history.batch import (
    BarBatch,
    TradePosition,
    decode_batch,
    decode_position,
    encode_batch_parts,
    encode_position,
)
from history.ports import LogEntry
from history.redis_limits import LEASE, LOG_LENGTH
from rates.errors import MalformedBatch
from rates.redis_keys import RedisKeys
from rates.source import Source

# Finite, so that the keys of a removed source expire.
LIFETIME = timedelta(days=7)
_MILLISECOND = timedelta(milliseconds=1)


class RedisBarLog:
    """A `BarLog` on Redis. The lease runs by the clock of Redis.

    `length`: batches of each source that are kept.
    """

    def __init__(self, redis: RedisClient, keys: RedisKeys, *, length: int = LOG_LENGTH) -> None:
        self._redis, self._keys, self._length = redis, keys, length
        self._is_sharded = int(isinstance(redis, ClusterRedis))
        self._claim = LuaScript(redis, read_script("history", "claim_bars.lua"))
        self._log = structlog.get_logger("ratewire.bars")
        self._write = LuaScript(redis, read_script("history", "write_bars.lua"))

    async def claim(self, source: Source, session: str) -> bool:
        return bool(await self._claim.run([self._keys.bars_lease(source)], [session, LEASE // _MILLISECOND]))

    async def write(self, batch: BarBatch, positions: Sequence[TradePosition]) -> bool:
        keys, source = self._keys, batch.source
        arguments: list[ScriptArgument] = [
            keys.bars_channel(source),
            self._is_sharded,
            batch.session,
            LEASE // _MILLISECOND,
            self._length,
            LIFETIME // _MILLISECOND,
            *encode_batch_parts(batch),
        ]
        for position in positions:
            arguments += (str(position.symbol), encode_position(position))
        names = [keys.bars_lease(source), keys.bars(source), keys.bars_positions(source)]
        return bool(await self._write.run(names, arguments))

    async def read_positions(self, source: Source) -> list[TradePosition]:
        with translated_errors():
            found = await self._redis.execute_command("HVALS", self._keys.bars_positions(source))
        positions = []
        for one in found:
            try:
                positions.append(decode_position(one))
            except MalformedBatch as exc:
                # Without it, trades may be told again; none is stored twice.
                self._log.warning("unreadable position", error=str(exc))
        return positions

    async def read(self, source: Source, after: str, limit: int) -> list[LogEntry]:
        name = self._keys.bars(source)
        start = f"({after}" if after else "-"
        with translated_errors():
            found = await self._redis.execute_command("XRANGE", name, start, "+", "COUNT", limit)
        return [LogEntry(entry.decode(), self._decode(entry, fields)) for entry, fields in found]

    def _decode(self, entry: bytes, fields: Mapping[bytes, bytes]) -> BarBatch | None:
        try:
            return decode_batch(fields.get(b"batch", b""))
        except MalformedBatch as exc:
            self._log.warning("unreadable entry", entry=entry.decode(), error=str(exc))
            return None
