"""Read side of the Redis cache: subscription and snapshots."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeVar

import structlog
from redis.asyncio import Redis

from cache.ports import Checkpoint, FeedMessage, Interruption, Snapshot
from cache.redis_client import LuaScript, RedisClient, read_script
from cache.redis_shards import ShardedFeed
from cache.redis_subscription import RawMessage, open_subscription
from rates.errors import MalformedTicker
from rates.redis_keys import RedisKeys
from rates.report_wire import decode_report
from rates.source import Source
from rates.wire import decode_cached, decode_changes, decode_checkpoint

T = TypeVar("T")
log = structlog.get_logger("ratewire.cache")


class RedisTickerFeed:
    """A `TickerFeed` on Redis."""

    def __init__(self, redis: RedisClient, names: RedisKeys, sources: Iterable[Source] = Source) -> None:
        self._redis = redis
        self._names = names
        self._snapshot = LuaScript(redis, read_script("cache", "snapshot.lua"))
        self._sources = tuple(sources)
        self._decoders: dict[bytes, Callable[[bytes], Sequence[FeedMessage]]] = {}
        for source in self._sources:
            self._decoders[names.changes_channel(source).encode()] = partial(_decode_changes, source)
            self._decoders[names.reports_channel(source).encode()] = partial(_decode_report, source)

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[FeedMessage]]:
        if isinstance(self._redis, Redis):
            return self._subscribe(self._redis)
        shards: ShardedFeed[FeedMessage] = ShardedFeed(
            self._redis,
            channels=self._channels,
            decode=self._decode,
            read_snapshot=self.read_snapshot,
            interrupt=Interruption,
        )
        return shards.subscribe(self._sources)

    @asynccontextmanager
    async def _subscribe(self, redis: Redis) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        groups = [self._channels(source) for source in self._sources]
        async with open_subscription(redis, groups) as messages:
            yield self._decoded(messages)

    async def _decoded(self, messages: AsyncIterator[RawMessage]) -> AsyncIterator[FeedMessage]:
        async for channel, data in messages:
            for message in self._decoders[channel](data):
                yield message

    def _channels(self, source: Source) -> list[str]:
        return [self._names.changes_channel(source), self._names.reports_channel(source)]

    def _decode(self, message: RawMessage) -> Sequence[FeedMessage]:
        channel, data = message
        return self._decoders[channel](data)

    async def read_snapshot(self, source: Source) -> Snapshot:
        names = self._names
        keys = [names.head(source), names.cache(source), names.reports(source)]
        epoch, seq, tickers, reports = await self._snapshot.run(keys, [])
        current = epoch.decode()
        cached = list(_readable(decode_cached, tickers))
        return Snapshot(
            source,
            current,
            int(seq),
            tuple(each.ticker for each in cached),
            tuple(_readable(decode_report, reports)),
            # A value of an earlier epoch that survived was there before the first write of this one.
            {each.ticker.symbol: each.seq if each.epoch == current else 0 for each in cached if each.epoch},
        )


def _decode_changes(source: Source, data: bytes) -> Sequence[FeedMessage]:
    return (decode_changes(source, data),)


def _decode_report(source: Source, data: bytes) -> Sequence[FeedMessage]:
    epoch, seq = decode_checkpoint(data)
    return (decode_report(data), Checkpoint(source, epoch, seq))


def _readable(decode: Callable[[bytes], T], values: Iterable[bytes]) -> Iterator[T]:
    """Decode the entries of a snapshot.

    Skips and logs unreadable ones, so that one does not hide all others.
    """
    for value in values:
        try:
            yield decode(value)
        except MalformedTicker as exc:
            log.error("unreadable entry in the cache, left out", error=str(exc))  # noqa: TRY400 - ours; says all
