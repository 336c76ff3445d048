"""Failover of Redis under a writer, a gateway and its clients.

No newest value is lost, and no loss is hidden.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import msgspec
import pytest
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cache.ports import Interruption, Snapshot
from cache.redis_client import connect_redis
from cache.redis_feed import RedisTickerFeed
from cache.redis_sink import RedisTickerSink
from gateway.state.mirror import Mirror
from pipeline.health import SourceHealth
from pipeline.reporter import report_forever
from pipeline.write_buffer import WriteBuffer
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from rates.source import Source
from rates.ticker import Ticker
from rates.wire import Changes
from runtime.heartbeat import Heartbeat
from tests.gateway.fakes import build_ticker
from tests.gateway.gateway_processes import gateway_processes
from tests.pipeline.fakes import until
from tests.redis_deployments import (
    ForwardedRedis,
    RedisCluster,
    RedisSentinel,
    ask,
    start_replicated_redis,
    wait_until,
)

log = structlog.get_logger("ratewire.tests")
PATIENCE_S = 90
BUSY, RARE = "BTC/USDT", "ETH/USDT"
KEYS = RedisKeys(simulated=True)
HEAD = KEYS.head(Source.BINANCE)
QUERY = """subscription ($after: String) { rates(symbols: ["BTC/USDT", "ETH/USDT"], sources: [BINANCE], after: $after) {
  kind recovered cursor items { symbol price } } }"""


class Item(msgspec.Struct):
    symbol: str
    price: str


class Event(msgspec.Struct):
    kind: str
    cursor: str
    items: list[Item]
    recovered: bool | None = None


class EventData(msgspec.Struct):
    rates: Event


class EventPayload(msgspec.Struct):
    data: EventData


class Next(msgspec.Struct, tag="next", tag_field="type"):
    payload: EventPayload


class MessageType(msgspec.Struct):
    type: str


@pytest.fixture(params=["cluster", "sentinel"])
def deployment(request: pytest.FixtureRequest) -> Iterator[RedisCluster | RedisSentinel]:
    """A whole deployment; servers that the test kills are started again."""
    found = request.getfixturevalue(f"redis_{request.param}")
    assert isinstance(found, RedisCluster | RedisSentinel)
    yield found
    found.mend()


@pytest.fixture(scope="module")
def redis_pair() -> Iterator[tuple[int, int]]:
    with start_replicated_redis() as ports:
        yield ports


class Pipeline:
    """A push feed's way into Redis: write buffer, sink and reports.

    BTC/USDT counts up; ETH/USDT changes on demand.
    """

    def __init__(self, sink: RedisTickerSink) -> None:
        self.number = 0
        self._sink = sink
        self._buffer = WriteBuffer(sink, interval=timedelta(milliseconds=10))

    def put(self, symbol: str) -> int:
        self.number += 1
        self._buffer.put(
            [build_ticker(symbol, str(self.number), observed_at=utc_now(), sequence=self.number)]
        )
        return self.number

    async def write_now(self, symbol: str) -> int:
        """Write the next number and return only once Redis has confirmed it."""
        number = self.put(symbol)
        await self._buffer.flush()
        return number

    async def run(self) -> None:
        """Write the busy symbol every few milliseconds and report, as a push feed does."""
        health = SourceHealth(Source.BINANCE, role="stream", instance="test")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._buffer.flush_forever())
            tasks.create_task(
                report_forever(
                    health,
                    self._sink,
                    clock=utc_now,
                    heartbeat=Heartbeat(None),
                    interval=timedelta(milliseconds=500),
                )
            )
            while True:
                self.put(BUSY)
                await asyncio.sleep(0.02)


class Client:
    """A subscriber: the newest price of each symbol, and the kinds of the events that it saw."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.prices: dict[str, int] = {}
        self.kinds: list[str] = []
        self.cursor = ""
        self.longest_pause_s = 0.0

    async def read(self) -> Event:
        """The next event, which must not go back to an older price."""
        began = monotonic()
        async with asyncio.timeout(PATIENCE_S):
            while msgspec.json.decode(data := await self._socket.recv(), type=MessageType).type != "next":
                pass
        event = msgspec.json.decode(data, type=Next).payload.data.rates
        self.longest_pause_s = max(self.longest_pause_s, monotonic() - began)
        for item in event.items:
            assert int(item.price) >= self.prices.get(item.symbol, 0), (event, self.prices)
            self.prices[item.symbol] = int(item.price)
        self.kinds.append(event.kind)
        self.cursor = event.cursor
        return event

    async def read_until(self, symbol: str, number: int) -> None:
        """Read until the price of a symbol is at least `number`."""
        while self.prices.get(symbol, 0) < number:
            await self.read()


@asynccontextmanager
async def subscribed(address: str, after: str | None = None) -> AsyncIterator[Client]:
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(msgspec.json.encode({"type": "connection_init"}).decode())
        payload = {"query": QUERY, "variables": {"after": after}}
        subscribe = {"type": "subscribe", "id": "1", "payload": payload}
        await socket.send(msgspec.json.encode(subscribe).decode())
        yield Client(socket)


async def test_a_failover_loses_no_newest_value_and_hides_no_loss(
    deployment: RedisCluster | RedisSentinel, tmp_path: Path
) -> None:
    """All clients get the newest values, including a write that no replica had received."""
    async with aclosing(await connect_redis(deployment.url)) as redis:
        await redis.flushall()
        pipeline = Pipeline(RedisTickerSink(redis, KEYS))
        await pipeline.write_now(RARE)
        async with gateway_processes(1, deployment.url, tmp_path, (BUSY, RARE)) as (gateway,):
            running = asyncio.create_task(pipeline.run())
            try:
                async with subscribed(gateway.ws) as stays, subscribed(gateway.ws) as leaves:
                    await stays.read_until(BUSY, pipeline.number)
                    await asyncio.to_thread(deployment.cut_replica, HEAD)
                    lost = await pipeline.write_now(RARE)
                    await leaves.read_until(RARE, lost)
                    await stays.read_until(RARE, lost)
                    await asyncio.to_thread(deployment.fail_over, HEAD)
                    stays.longest_pause_s, stays.kinds = 0.0, []
                    failed_at = pipeline.number
                    await stays.read_until(BUSY, failed_at + 100)
                    # Shown by `pytest -rP`.
                    log.info(
                        "failover", blind_s=round(stays.longest_pause_s, 2), kinds=sorted(set(stays.kinds))
                    )
                cached = await RedisTickerFeed(redis, KEYS).read_snapshot(Source.BINANCE)
                prices = {str(each.symbol): int(each.price) for each in cached.tickers}
                assert prices[RARE] == lost
                async with subscribed(gateway.ws, leaves.cursor) as returns:
                    assert [(await returns.read()).kind, (await returns.read()).kind] == ["GAP", "SNAPSHOT"]
                    assert returns.prices[RARE] == lost
                    assert returns.prices[BUSY] >= failed_at
            finally:
                running.cancel()
                await asyncio.wait([running])


async def test_a_shard_whose_primary_changes_interrupts_its_own_sources_only(
    redis_cluster: RedisCluster,
) -> None:
    """They continue with a snapshot; the sources of other shards do not notice."""
    async with aclosing(await connect_redis(redis_cluster.url)) as redis:
        await redis.flushall()
        sink, feed = RedisTickerSink(redis, KEYS), RedisTickerFeed(redis, KEYS)
        tickers = [build_ticker(BUSY, "1", source=source) for source in Source]
        for each in tickers:
            await sink.write([each])
        owners = {source: redis_cluster.primary_of(KEYS.head(source)) for source in Source}
        moved = {source for source in Source if owners[source] == owners[Source.BINANCE]}
        assert moved != set(Source)
        async with feed.subscribe() as messages, asyncio.timeout(PATIENCE_S):
            await asyncio.to_thread(redis_cluster.kill_connections, HEAD)
            interrupted: set[Source] = set()
            restored: set[Source] = set()
            while restored != moved:
                message = await anext(messages)
                if isinstance(message, Interruption):
                    interrupted.add(message.source)
                elif isinstance(message, Snapshot):
                    restored.add(message.source)
                    assert message.tickers == (build_ticker(BUSY, "1", source=message.source),)
            assert interrupted == moved
            await asyncio.to_thread(redis_cluster.promote_replica_of, HEAD)
            later = [build_ticker(BUSY, "2", source=source, sequence=2) for source in Source]
            for each in later:
                await sink.write([each])
            arrived: set[Source] = set()
            while arrived != set(Source):
                message = await anext(messages)
                if isinstance(message, Changes | Snapshot) and "2" in {
                    str(each.price) for each in message.tickers
                }:
                    arrived.add(message.source)
        redis_cluster.mend()


async def test_a_slot_that_moves_to_another_shard_takes_its_source_along(redis_cluster: RedisCluster) -> None:
    """Writer and subscriber follow the replies ASK, TRYAGAIN and MOVED."""
    async with aclosing(await connect_redis(redis_cluster.url)) as redis:
        await redis.flushall()
        pipeline = Pipeline(RedisTickerSink(redis, KEYS))
        await pipeline.write_now(RARE)
        seen: dict[str, Ticker] = {}
        mirror = Mirror(
            RedisTickerFeed(redis, KEYS), publish=lambda ticker, key: seen.update({str(key.symbol): ticker})
        )
        follows, runs = asyncio.create_task(mirror.run()), asyncio.create_task(pipeline.run())
        try:
            await until(lambda: {BUSY, RARE} <= seen.keys(), within_s=PATIENCE_S)
            owner = redis_cluster.primary_of(HEAD)
            await asyncio.to_thread(redis_cluster.move_slot, HEAD, work=partial(wait_for_writes, pipeline))
            assert redis_cluster.primary_of(HEAD) not in (0, owner)
            moved_at = pipeline.number
            await until(lambda: int(seen[BUSY].price) > moved_at, within_s=PATIENCE_S)
            rare = await pipeline.write_now(RARE)
            await until(lambda: int(seen[RARE].price) == rare, within_s=PATIENCE_S)
        finally:
            for task in (follows, runs):
                task.cancel()
            await asyncio.wait([follows, runs])


def wait_for_writes(pipeline: Pipeline) -> None:
    """Let the pipeline try a few more writes, from another thread."""
    begun = pipeline.number
    wait_until(lambda: pipeline.number > begun + 10, "the pipeline to go on")


async def test_a_writer_leaves_a_primary_that_became_a_replica_behind_one_address(
    redis_pair: tuple[int, int],
) -> None:
    """After READONLY the same write goes to the new primary, on a new connection."""
    forwarded = ForwardedRedis(redis_pair)
    await forwarded.start()
    try:
        async with aclosing(await connect_redis(forwarded.url)) as redis:
            await redis.flushall()
            sink, feed = RedisTickerSink(redis, KEYS), RedisTickerFeed(redis, KEYS)
            seen: dict[str, Ticker] = {}
            mirror = Mirror(feed, publish=lambda ticker, key: seen.update({str(key.symbol): ticker}))
            follows = asyncio.create_task(mirror.run())
            await sink.write([build_ticker(RARE, "1")])
            await until(lambda: RARE in seen)
            await asyncio.to_thread(forwarded.swap)
            assert await sink.write([build_ticker(BUSY, "2")]) == 1
            assert await asyncio.to_thread(ask, forwarded.primary, "HGET", KEYS.cache(Source.BINANCE), BUSY)
            await until(lambda: BUSY in seen, within_s=PATIENCE_S)
            follows.cancel()
            await asyncio.wait([follows])
    finally:
        await forwarded.stop()
