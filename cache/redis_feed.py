"""Read side of the Redis cache: one subscription for all sources, snapshots, and the bounded stream."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from cache.ports import FeedMessage, Snapshot
from cache.redis_client import translated_errors
from rates.errors import CacheUnavailable, MalformedTicker
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.wire import Changes, decode_changes, decode_report, decode_ticker

# Processes report every few seconds; after this long without a message the subscription is pinged.
SILENCE_S = 10
PONG_TIMEOUT_S = 5

T = TypeVar("T")
log = structlog.get_logger("ratewire.cache")


class RedisTickerFeed:
    """A `TickerFeed` on Redis."""

    def __init__(self, redis: Redis, names: RedisKeys, sources: Iterable[Source] = Source) -> None:
        self._redis = redis
        self._names = names
        self._decoders: dict[bytes, Callable[[bytes], FeedMessage]] = {}
        for source in sources:
            self._decoders[names.changes_channel(source).encode()] = partial(decode_changes, source)
            self._decoders[names.reports_channel(source).encode()] = decode_report

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        pubsub = self._redis.pubsub()
        try:
            with translated_errors():
                await pubsub.subscribe(*self._decoders)
                # Redis delivers all later messages only once it has confirmed the subscription.
                for _ in self._decoders:
                    confirmation = await pubsub.get_message(timeout=PONG_TIMEOUT_S)
                    if confirmation is None or confirmation["type"] != "subscribe":
                        raise CacheUnavailable(
                            f"Redis: expected a subscription to be confirmed, saw {confirmation}"
                        )
            yield self._messages(pubsub)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py has not annotated it

    async def _messages(self, pubsub: PubSub) -> AsyncIterator[FeedMessage]:
        while True:
            with translated_errors():
                message = await pubsub.get_message(timeout=SILENCE_S)
                if message is None:
                    await pubsub.ping()
                    message = await pubsub.get_message(timeout=PONG_TIMEOUT_S)
            if message is None:
                raise CacheUnavailable(
                    f"Redis: no message and no pong on the subscription for {SILENCE_S + PONG_TIMEOUT_S} s"
                )
            if message["type"] == "message":
                yield self._decoders[message["channel"]](message["data"])

    async def read_snapshot(self, source: Source) -> Snapshot:
        names = self._names
        with translated_errors():
            async with self._redis.pipeline(transaction=True) as transaction:
                transaction.hmget(names.head(source), "epoch", "seq")
                transaction.hvals(names.cache(source))
                transaction.hvals(names.reports(source))
                (epoch, seq), tickers, reports = await transaction.execute()
        return Snapshot(
            source,
            (epoch or b"").decode(),
            int(seq or 0),
            tuple(_readable(decode_ticker, tickers)),
            tuple(_readable(decode_report, reports)),
        )

    async def read_after(self, source: Source, epoch: str, seq: int) -> Sequence[Changes] | None:
        names = self._names
        with translated_errors():
            async with self._redis.pipeline(transaction=True) as transaction:
                transaction.hmget(names.head(source), "epoch", "seq")
                transaction.xrange(names.stream(source), min=f"{seq + 1}-0")
                (head_epoch, head_seq), entries = await transaction.execute()
        if head_epoch is None or head_epoch.decode() != epoch or not 0 <= int(head_seq) - seq == len(entries):
            return None
        return [decode_changes(source, fields[b"m"]) for _, fields in entries]


def _readable(decode: Callable[[bytes], T], values: Iterable[bytes]) -> Iterator[T]:
    """Decode the entries of a snapshot. Skips and logs unreadable ones, so that one does not hide all others."""
    for value in values:
        try:
            yield decode(value)
        except MalformedTicker as exc:
            log.error("unreadable entry in the cache, left out", error=str(exc))  # noqa: TRY400 - ours; says all
