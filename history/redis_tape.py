"""The tape in Redis: a bounded list of appends per instrument, and a channel per source."""

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import lru_cache, partial

import msgspec
import structlog
from redis.asyncio import Redis

from cache.redis_client import (
    ClusterRedis,
    LuaScript,
    RedisClient,
    ScriptArgument,
    read_script,
    translated_errors,
)
from cache.redis_shards import ShardedFeed
from cache.redis_subscription import RawMessage, open_subscription
from history.trade import Trade
from history.trade_tape import TAPE_CHUNKS, NewChunks, TapeChunk, join_chunks
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.symbol import Symbol

# An instrument without a trade for so long has no tape.
LIFETIME = timedelta(days=1)
_MILLISECOND = timedelta(milliseconds=1)
_encoder = msgspec.json.Encoder()
_chunk_decoder = msgspec.json.Decoder(TapeChunk)
# Only what somebody wants is decoded.
_message_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


@lru_cache(maxsize=16_384)
def _encode_symbol(symbol: Symbol) -> bytes:
    return _encoder.encode(str(symbol))


class RedisTradeTape:
    """A `TradeTape` on Redis. `length`: appends of each instrument that are kept."""

    def __init__(self, redis: RedisClient, keys: RedisKeys, *, length: int = TAPE_CHUNKS) -> None:
        self._redis, self._keys, self._length = redis, keys, length
        self._is_sharded = int(isinstance(redis, ClusterRedis))
        self._append = LuaScript(redis, read_script("history", "append_trades.lua"))
        self._log = structlog.get_logger("ratewire.bars")

    async def append(self, source: Source, session: str, chunks: NewChunks) -> bool:
        keys = self._keys
        names, encode = [keys.bars_lease(source)], _encoder.encode
        arguments: list[ScriptArgument] = [
            session,
            self._length,
            LIFETIME // _MILLISECOND,
            keys.trades_channel(source),
            self._is_sharded,
        ]
        for symbol, chunk in chunks.items():
            names.append(keys.trades(source, symbol))
            arguments += (_encode_symbol(symbol), encode(chunk))
        return bool(await self._append.run(names, arguments))

    async def read(self, source: Source, symbol: Symbol, limit: int | None = None) -> list[Trade]:
        # Each append has at least one trade.
        start = -self._length if limit is None else -limit
        with translated_errors():
            found = await self._redis.execute_command("LRANGE", self._keys.trades(source, symbol), start, -1)
        chunks: list[TapeChunk] = []
        count = 0
        # The newest first: busy instruments have more than is asked for.
        for one in reversed(found):
            chunk = self._decode(source, one)
            if chunk is None:
                continue
            chunks.append(chunk)
            count += len(chunk.trades)
            if limit is not None and count >= limit:
                break
        return join_chunks(chunks[::-1], limit)

    def follow(
        self, source: Source, wanted: Collection[Symbol]
    ) -> AbstractAsyncContextManager[AsyncIterator[NewChunks | None]]:
        decode = partial(self._decode_message, source, wanted)
        if isinstance(self._redis, Redis):
            return self._follow(self._redis, source, decode)
        shards: ShardedFeed[NewChunks | None] = ShardedFeed(
            self._redis,
            channels=self._channels,
            decode=decode,
            read_snapshot=_tell_loss,
            interrupt=lambda *_: None,
        )
        return shards.subscribe([source])

    @asynccontextmanager
    async def _follow(
        self, redis: Redis, source: Source, decode: "partial[list[NewChunks | None]]"
    ) -> AsyncIterator[AsyncIterator[NewChunks | None]]:
        async def read(messages: AsyncIterator[RawMessage]) -> AsyncIterator[NewChunks | None]:
            async for message in messages:
                for chunks in decode(message):
                    yield chunks

        async with open_subscription(redis, [self._channels(source)]) as messages:
            yield read(messages)

    def _channels(self, source: Source) -> list[str]:
        return [self._keys.trades_channel(source)]

    def _decode_message(
        self, source: Source, wanted: Collection[Symbol], message: RawMessage
    ) -> list[NewChunks | None]:
        try:
            found = _message_decoder.decode(message[1])
        except (msgspec.MsgspecError, ValueError) as exc:
            self._log.warning("unreadable trades", source=source.value, error=str(exc))
            return []
        chunks = {}
        for symbol in tuple(wanted):
            raw = found.get(str(symbol))
            if raw is not None and (chunk := self._decode(source, raw)) is not None:
                chunks[symbol] = chunk
        return [chunks]

    def _decode(self, source: Source, data: bytes | msgspec.Raw) -> TapeChunk | None:
        try:
            chunk = _chunk_decoder.decode(data)
        except (msgspec.MsgspecError, ValueError) as exc:
            self._log.warning("unreadable trades", source=source.value, error=str(exc))
            return None
        return chunk if chunk.trades else None


async def _tell_loss(_source: Source) -> None:
    return None
