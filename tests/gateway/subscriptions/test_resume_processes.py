"""Resume between gateway processes: no loss, no repeat, and a GAP after a loss of Redis."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cache.redis_client import RedisClient, open_redis
from cache.redis_sink import RedisTickerSink
from rates.clock import utc_now
from rates.redis_keys import RedisKeys
from tests.backends import ServerProcess
from tests.gateway.fakes import build_ticker
from tests.gateway.gateway_processes import gateway_processes
from tests.json_types import JsonObject

QUERY = """subscription ($after: String) { rates(symbols: ["BTC/USDT", "ETH/USDT"], sources: [BINANCE], after: $after) {
  kind recovered cursor items { id price } } }"""
SYMBOLS = ("BTC/USDT", "ETH/USDT")
WRITES = 400
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    redis_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[str]]:
    """Addresses of two gateway processes."""
    redis_server.start()
    redis = open_redis(redis_server.url)
    await redis.flushall()
    await redis.aclose()
    folder = tmp_path_factory.mktemp("database")
    async with gateway_processes(2, redis_server.url, folder, SYMBOLS) as started:
        yield [gateway.ws for gateway in started]


@asynccontextmanager
async def connected(address: str, after: str | None) -> AsyncIterator[ClientConnection]:
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        payload = {"query": QUERY, "variables": {"after": after}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield socket


async def next_event(socket: ClientConnection) -> JsonObject:
    async with asyncio.timeout(20):
        while (message := json.loads(await socket.recv()))["type"] != "next":
            assert message["type"] in {"connection_ack", "ping"}, message
    return dict(message["payload"]["data"]["rates"])


async def write_numbers(sink: RedisTickerSink, first: int, last: int) -> None:
    """One write for each number, a few milliseconds apart, to one symbol or both."""
    began = utc_now() - timedelta(seconds=1)
    for number in range(first, last + 1):
        symbols = SYMBOLS if number % 3 == 0 or number == last else SYMBOLS[:1]
        await sink.write(
            [
                build_ticker(symbol, str(number), observed_at=began, sequence=number, simulated=True)
                for symbol in symbols
            ]
        )
        await asyncio.sleep(0.003)


def merge(held: dict[str, int], event: JsonObject) -> None:
    """Put what came over what is held; it must be newer, whatever connection it came by."""
    for item in event["items"]:
        assert int(item["price"]) > held.get(item["id"], 0), (held, event)
        held[item["id"]] = int(item["price"])


async def test_nothing_is_missing_and_nothing_comes_twice_on_whatever_gateway(
    gateways: list[str], redis_server: ServerProcess
) -> None:
    """Eight clients disconnect at random and resume at a random gateway, under load."""
    redis: RedisClient = open_redis(redis_server.url)
    sink = RedisTickerSink(redis, RedisKeys(simulated=True))
    complete = {f"Rate:BINANCE:{symbol}": WRITES for symbol in SYMBOLS}
    # The first write begins the epoch: before it, no cursor can prove anything.
    await write_numbers(sink, 1, 3)

    async def read(seed: int) -> int:
        lot = random.Random(seed)
        held: dict[str, int] = {}
        cursor: str | None = None
        visits = 0
        while held != complete:
            visits += 1
            async with connected(lot.choice(gateways), cursor) as socket:
                for number in range(lot.randint(1, 25)):
                    event = await next_event(socket)
                    if number == 0:
                        assert event["kind"] == "SNAPSHOT"
                        assert event["recovered"] is (None if cursor is None else True)
                    merge(held, event)
                    cursor = event["cursor"]
                    if held == complete:
                        break
            await asyncio.sleep(lot.random() * 0.05)
        return visits

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read(seed)) for seed in range(8)]
        tasks.create_task(write_numbers(sink, 4, WRITES))
    assert sum(reader.result() for reader in readers) > 40
    await redis.aclose()


async def test_after_a_restart_of_redis_there_is_a_gap_and_everything(
    gateways: list[str], redis_server: ServerProcess
) -> None:
    """A client that stays gets the newest values; one that resumes gets a GAP."""
    redis: RedisClient = open_redis(redis_server.url)
    sink = RedisTickerSink(redis, RedisKeys(simulated=True))
    await write_numbers(sink, 1_001, 1_003)
    async with connected(gateways[0], None) as stays:
        first = await next_event(stays)
        await asyncio.to_thread(redis_server.stop)
        await asyncio.to_thread(redis_server.start)
        await redis.aclose()
        redis = open_redis(redis_server.url)
        sink = RedisTickerSink(redis, RedisKeys(simulated=True))
        await write_numbers(sink, 2_001, 2_003)
        held: dict[str, int] = {}
        merge(held, first)
        newest = {f"Rate:BINANCE:{symbol}": 2_003 for symbol in SYMBOLS}
        while held != newest:
            merge(held, await next_event(stays))
        for address in gateways:
            # One that has not found Redis again yet knows of nothing that was missed.
            async with connected(address, None) as current:
                seen: dict[str, int] = {}
                while seen != newest:
                    merge(seen, await next_event(current))
            async with connected(address, first["cursor"]) as comes_back:
                assert (await next_event(comes_back))["kind"] == "GAP"
                snapshot = await next_event(comes_back)
                assert (snapshot["kind"], snapshot["recovered"]) == ("SNAPSHOT", False)
                assert {item["id"] for item in snapshot["items"]} == set(held)
    await redis.aclose()
