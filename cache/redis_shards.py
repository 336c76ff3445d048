"""Subscription to a Redis Cluster: one connection per shard.

A shard that fails over interrupts its own sources only.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypeVar

import structlog

from cache.redis_client import ClusterRedis, translated_errors
from cache.redis_subscription import RawMessage, open_subscription
from rates.errors import CacheUnavailable, MalformedTicker
from rates.source import Source

# Messages that wait for the reader; then the connections are no longer read, and Redis ends those that fall behind.
QUEUE_LENGTH = 1024
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0

NodeAddress = tuple[str, int]
MessageT = TypeVar("MessageT")
log = structlog.get_logger("ratewire.cache")


class ShardedFeed(Generic[MessageT]):
    """Merges the subscriptions of all shards.

    After an interruption of a shard it yields what `interrupt` makes of each of its sources and the reason, subscribes at the
    shard's new primary and yields the snapshot of each of these sources before their next changes.
    """

    def __init__(
        self,
        redis: ClusterRedis,
        *,
        channels: Callable[[Source], list[str]],
        decode: Callable[[RawMessage], Sequence[MessageT]],
        read_snapshot: Callable[[Source], Awaitable[MessageT]],
        interrupt: Callable[[Source, str], MessageT],
    ) -> None:
        self._redis = redis
        self._channels, self._decode, self._read_snapshot = channels, decode, read_snapshot
        self._interrupt = interrupt
        self._queue: asyncio.Queue[MessageT | Exception] = asyncio.Queue(QUEUE_LENGTH)
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def subscribe(self, sources: Sequence[Source]) -> AsyncIterator[AsyncIterator[MessageT]]:
        """Subscribe at all shards of `sources`.

        Raises:
            CacheUnavailable: a shard cannot be reached.
        """
        opened = [self._start(shard, each) for shard, each in (await self._locate(sources)).items()]
        try:
            for failure in await asyncio.gather(*opened, return_exceptions=True):
                if failure is not None:
                    raise failure
            yield self._messages()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, shard: NodeAddress, sources: Sequence[Source]) -> asyncio.Future[None]:
        """Start the task of a shard.

        The future is done once its subscription is active, or has failed.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(shard, sources, ready), name=f"shard {shard}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return ready

    async def _messages(self) -> AsyncIterator[MessageT]:
        while True:
            message = await self._queue.get()
            if isinstance(message, BaseException):
                raise message
            yield message

    async def _run(self, shard: NodeAddress, sources: Sequence[Source], ready: asyncio.Future[None]) -> None:
        try:
            await self._follow(shard, sources, ready)
        except Exception as exc:  # noqa: BLE001 - not reachable at first, or a bug: the subscriber raises it
            if ready.done():
                await self._queue.put(exc)
            else:
                ready.set_exception(exc)

    async def _follow(
        self, shard: NodeAddress, sources: Sequence[Source], ready: asyncio.Future[None]
    ) -> None:
        """Keep the subscription of one shard active until cancelled."""
        while True:
            try:
                await self._read(shard, sources, ready)
            except (CacheUnavailable, MalformedTicker) as exc:
                if not ready.done():
                    raise
                log.warning("shard lost", shard=shard, sources=sources, error=str(exc))
                for source in sources:
                    await self._queue.put(self._interrupt(source, str(exc)))
            (shard, sources), *others = (await self._relocate(sources)).items()
            for other, moved in others:
                self._start(other, moved).set_result(None)

    async def _read(self, shard: NodeAddress, sources: Sequence[Source], ready: asyncio.Future[None]) -> None:
        """Subscribe at one shard and pass its messages on until the subscription breaks."""
        groups = [self._channels(source) for source in sources]
        async with (
            aclosing(self._redis.open_node(*shard)) as node,
            open_subscription(node, groups, is_sharded=True) as messages,
        ):
            if ready.done():
                for source in sources:
                    await self._queue.put(await self._read_snapshot(source))
                log.info("shard current", shard=shard, sources=sources)
            else:
                ready.set_result(None)
            async for message in messages:
                for each in self._decode(message):
                    await self._queue.put(each)

    async def _relocate(self, sources: Sequence[Source]) -> dict[NodeAddress, list[Source]]:
        """Find the present shards of `sources`, as soon as they have a primary that responds."""
        failures = 0
        while True:
            ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 10))
            await asyncio.sleep(random.uniform(ceiling / 2, ceiling))  # noqa: S311 - spreads load, hides nothing
            try:
                return await self._locate(sources)
            except CacheUnavailable as exc:
                failures += 1
                log.debug("shard still lost", sources=sources, error=str(exc))

    async def _locate(self, sources: Sequence[Source]) -> dict[NodeAddress, list[Source]]:
        """Group sources by the primary of their slot.

        Asks each slot first, so that the client learns of failovers and moved slots.
        """
        shards: dict[NodeAddress, list[Source]] = {}
        with translated_errors():
            for source in sources:
                channel = self._channels(source)[0]
                await self._redis.execute_command("EXISTS", channel)
                node = self._redis.get_node_from_key(channel)
                if node is None:
                    raise CacheUnavailable(f"Redis: no node of the cluster has the slot of {source}")
                shards.setdefault((node.host, int(node.port)), []).append(source)
        return shards
