"""The distributed system under failure: reported ages stay true whichever process is killed."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

import aio_pika
import pytest
import pytest_asyncio

from instruments.seed import read_seed
from pipeline.sources.registry import build_all_adapters
from rates.source import Source
from tests.backends import ServerProcess
from tests.e2e.distributed import System, distributed
from tests.e2e.graphql_client import Rate, execute, live_rates, next_event, rates
from tests.e2e.processes import Command, eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

INTERVAL_S = 2.0
# A heartbeat frame of AMQP has 8 bytes; a task has some hundreds.
LONGEST_HEARTBEAT_BYTES = 100
# Of a tenth of a second: two intervals of the producer, and less than RabbitMQ waits for heartbeats.
FROZEN_LOOKS = 40
BINANCE_TTL_S = 8.0
COINGECKO_TTL_S = 8.0
# For what comes by itself, on a busy machine.
WITHIN_S = 60
SETTINGS = {
    "RATEWIRE_PRODUCER_INTERVAL_S": str(INTERVAL_S),
    "RATEWIRE_GATEWAY_TTL_S": f'{{"binance": {BINANCE_TTL_S}, "coingecko": {COINGECKO_TTL_S}}}',
    "RATEWIRE_SIMULATOR_COINGECKO_REFRESH_SECONDS": "2",
    "RATEWIRE_SIMULATOR_COINGECKO_CALLS_PER_MINUTE": "0",
    "RATEWIRE_COINGECKO_CALLS_PER_MINUTE": "1000",
}
STATUSES = "{ sources { source { code } state reason tickersPerMinute refusedCount reconnectCount budget { limit remaining resetsAt } } }"


class SourceCode(TypedDict):
    code: str


class SourceStatus(TypedDict):
    source: SourceCode
    state: str


class SourceStatuses(TypedDict):
    sources: list[SourceStatus]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    redis_server: ServerProcess, rabbitmq_server: ServerProcess, postgres_server: ServerProcess
) -> AsyncIterator[System]:
    """Every service of the compose file, with fresh rates of all sources."""
    servers = (redis_server, rabbitmq_server, postgres_server)
    for server in servers:
        server.start()
    urls = [server.url for server in servers]
    streams = [
        source.value for source, adapter in build_all_adapters().items() if adapter.build_feed is not None
    ]
    async with distributed(*urls, streams=streams, settings=SETTINGS) as running_system:
        expected = len(list(read_seed()))

        async def all_fresh() -> bool:
            items = await rates(running_system.url) or []
            return len(items) == expected and {item["freshness"] for item in items} == {"FRESH"}

        await eventually(all_fresh, within_s=WITHIN_S, what="all rates fresh through nginx")
        yield running_system


async def ages(system: System, source: str) -> list[Rate]:
    return await rates(system.url, sources=[source]) or []


def unread_bytes(pid: int, port: int) -> int:
    """The most bytes that a process has not read yet on one of its TCP connections to `port`."""
    links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.name[8:-1] for link in links if link.name.startswith("socket:[")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return max(
        (
            int(row[4].partition(":")[2], 16)
            for row in rows
            if row[9] in inodes and int(row[2].partition(":")[2], 16) == port
        ),
        default=0,
    )


async def freeze_with_task(victim: Command, system: System) -> bool:
    """Whether a frozen consumer has been handed a task; otherwise it goes on.

    For a short time only: RabbitMQ hands nothing to a consumer whose heartbeats it misses.
    """
    port = urlsplit(system.env["RATEWIRE_AMQP_URL"]).port or 0
    victim.process.send_signal(signal.SIGSTOP)
    for _ in range(FROZEN_LOOKS):
        if unread_bytes(victim.process.pid, port) > LONGEST_HEARTBEAT_BYTES:
            return True
        await asyncio.sleep(0.1)
    victim.process.send_signal(signal.SIGCONT)
    return False


async def queue_length(amqp_url: str, name: str) -> int:
    async with await aio_pika.connect(amqp_url, timeout=60) as connection, connection.channel() as channel:
        queue = await channel.declare_queue(name, passive=True)
        return queue.declaration_result.message_count or 0


async def test_queries_and_subscriptions_go_through_nginx(system: System) -> None:
    """Queries over HTTP and subscriptions over WebSocket work through nginx."""

    async def all_up() -> bool:
        statuses = (await execute(system.url, STATUSES, SourceStatuses))["sources"]
        found = {status["source"]["code"]: status["state"] for status in statuses}
        return found == {source.name: "UP" for source in Source}

    # On a busy machine a source lags for a moment, and says so.
    await eventually(all_up, within_s=WITHIN_S, what="every source UP")
    async with live_rates(system.url, symbols=["BTC/USDT"]) as events:
        assert (await next_event(events))["kind"] == "SNAPSHOT"
        assert (await next_event(events))["kind"] == "UPDATE"


async def test_every_gateway_replica_gives_the_same_answer(system: System) -> None:
    """Replicas mirror one cache: one observation has the same digits on both."""

    async def agree() -> bool:
        answers = [await rates(url, sources=["COINGECKO"]) or [] for url in system.gateways]
        seen = [{item["id"]: (item["price"], item["observedAt"]) for item in items} for items in answers]
        return seen[0] == seen[1] and len(seen[0]) == 68

    await eventually(agree, within_s=WITHIN_S, what="equal answers")


async def test_killing_a_consumer_with_tasks_in_flight_lets_no_symbol_go_stale(system: System) -> None:
    """One of four consumers is killed, and the others take its tasks.

    The push feed is stopped, so that rates come from polls alone.
    """
    await system.commands["binance-stream"].stop()
    victim = system.commands["binance-0"]
    # A frozen process keeps a task that it is handed, as a process in the middle of its work does. Then it dies.
    await eventually(
        lambda: freeze_with_task(victim, system), within_s=WITHIN_S, what="a task for the frozen consumer"
    )
    victim.process.kill()
    assert await victim.ends() != 0
    worst = 0
    until = time.monotonic() + 1.5 * BINANCE_TTL_S
    while time.monotonic() < until:
        items = await ages(system, "BINANCE")
        assert len(items) == 66
        worst = max(worst, *(item["ageMs"] for item in items))
        assert {item["freshness"] for item in items} == {"FRESH"}, f"oldest: {worst} ms"
        await asyncio.sleep(0.1)


async def test_without_its_consumer_a_source_turns_stale_and_its_queue_does_not_grow(
    system: System, amqp_url: str
) -> None:
    """CoinGecko's rates age, Binance stays fresh, and expired tasks leave the queue."""
    assert await system.commands["coingecko"].stop() == 0

    async def all_stale() -> bool:
        return {item["freshness"] for item in await ages(system, "COINGECKO")} == {"STALE"}

    await eventually(all_stale, within_s=WITHIN_S, what="stale CoinGecko rates")
    before_first = time.monotonic()
    first = {item["id"]: item for item in await ages(system, "COINGECKO")}
    after_first = time.monotonic()
    longest = 0
    while time.monotonic() < after_first + 3 * INTERVAL_S:
        longest = max(longest, await queue_length(amqp_url, "coingeko_parser"))
        assert {item["freshness"] for item in await ages(system, "BINANCE")} == {"FRESH"}
        await asyncio.sleep(0.1)
    assert longest <= 1, "one interval has one CoinGecko task"
    before_later = time.monotonic()
    later = {item["id"]: item for item in await ages(system, "COINGECKO")}
    after_later = time.monotonic()
    # Each answer was made between its question and its arrival; ages are rounded to milliseconds, twice.
    least_ms, most_ms = (before_later - after_first) * 1000 - 2, (after_later - before_first) * 1000 + 2
    for key, item in later.items():
        assert item["observedAt"] == first[key]["observedAt"]
        assert least_ms <= item["ageMs"] - first[key]["ageMs"] <= most_ms


async def test_redis_away_and_back(system: System, redis_server: ServerProcess) -> None:
    """Answers keep true ages while Redis is away; afterwards rates are fresh again."""
    redis_server.kill()
    items = await ages(system, "BINANCE")
    assert len(items) == 66

    async def aged() -> bool:
        return {item["freshness"] for item in await ages(system, "BINANCE")} == {"STALE"}

    await eventually(aged, within_s=WITHIN_S, what="Binance rates stale, as nothing new can come")
    redis_server.start()

    async def fresh() -> bool:
        items = await ages(system, "BINANCE")
        return len(items) == 66 and {item["freshness"] for item in items} == {"FRESH"}

    await eventually(fresh, within_s=WITHIN_S, what="fresh rates after Redis came back")


async def test_rabbitmq_away_and_back(system: System, rabbitmq_server: ServerProcess) -> None:
    """Producer and consumers reconnect without a restart."""
    rabbitmq_server.kill()

    async def aged() -> bool:
        return "STALE" in {item["freshness"] for item in await ages(system, "BINANCE")}

    await eventually(aged, within_s=WITHIN_S, what="Binance rates stale without tasks and push feed")
    rabbitmq_server.start()

    async def fresh() -> bool:
        return {item["freshness"] for item in await ages(system, "BINANCE")} == {"FRESH"}

    await eventually(fresh, within_s=WITHIN_S, what="fresh rates after RabbitMQ came back")


async def test_everything_stops_cleanly(system: System) -> None:
    """SIGTERM to all: exit code 0, no traceback."""
    left = {name: command for name, command in system.commands.items() if command.process.returncode is None}
    assert len(left) >= 7
    codes = await asyncio.gather(*(command.stop() for command in left.values()))
    assert dict(zip(left, codes, strict=True)) == dict.fromkeys(left, 0)
    for name, command in left.items():
        assert "Traceback" not in command.text, name
