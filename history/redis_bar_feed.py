"""The log of batches in Redis, as gateways read it: its channels and its newest entries."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from redis.asyncio import Redis

from cache.redis_client import RedisClient, translated_errors
from cache.redis_shards import ShardedFeed
from cache.redis_subscription import RawMessage, open_subscription
from history.batch import BarBatch, decode_batch
from history.ports import BarMessage, LogTail, LostBars
from history.redis_limits import TAIL_AT_ONCE, TAIL_LENGTH
from rates.errors import MalformedBatch
from rates.redis_keys import RedisKeys
from rates.source import Source

log = structlog.get_logger("ratewire.bars")


class RedisBarFeed:
    """A `BarFeed` on Redis. Unreadable batches are left out, so that their number is missing."""

    def __init__(
        self,
        redis: RedisClient,
        keys: RedisKeys,
        sources: Iterable[Source] = Source,
        *,
        tail_length: int = TAIL_LENGTH,
    ) -> None:
        self._redis, self._keys, self._sources = redis, keys, tuple(sources)
        self._tail_length = tail_length

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[BarMessage]]:
        if isinstance(self._redis, Redis):
            return self._subscribe(self._redis)
        shards: ShardedFeed[BarMessage] = ShardedFeed(
            self._redis,
            channels=self._channels,
            decode=_decode,
            read_snapshot=self.read_tail,
            interrupt=LostBars,
        )
        return shards.subscribe(self._sources)

    async def read_tail(self, source: Source) -> LogTail:
        name, last = self._keys.bars(source), "+"
        found: list[BarBatch] = []
        count = 0
        while count < self._tail_length:
            with translated_errors():
                entries = await self._redis.execute_command(
                    "XREVRANGE", name, last, "-", "COUNT", TAIL_AT_ONCE
                )
            for _, fields in entries:
                found += _decode((b"", fields.get(b"batch", b"")))
            count += len(entries)
            if len(entries) < TAIL_AT_ONCE:
                break
            last = f"({entries[-1][0].decode()}"
        return LogTail(source, tuple(reversed(found)))

    @asynccontextmanager
    async def _subscribe(self, redis: Redis) -> AsyncIterator[AsyncIterator[BarMessage]]:
        groups = [self._channels(source) for source in self._sources]
        async with open_subscription(redis, groups) as messages:
            yield _decode_all(messages)

    def _channels(self, source: Source) -> list[str]:
        return [self._keys.bars_channel(source)]


async def _decode_all(messages: AsyncIterator[RawMessage]) -> AsyncIterator[BarMessage]:
    async for message in messages:
        for batch in _decode(message):
            yield batch


def _decode(message: RawMessage) -> Sequence[BarBatch]:
    try:
        return (decode_batch(message[1]),)
    except MalformedBatch as exc:
        log.warning("unreadable batch", error=str(exc))
        return ()
