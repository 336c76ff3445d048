"""Real input.

Recorded exchange traffic through the real clients, queue and cache, to a GraphQL subscriber, digit for digit.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypedDict

import httpx
import msgspec
import pytest

from rates.clock import EPOCH
from runtime.free_port import free_port
from tests.backends import ServerProcess
from tests.e2e.distributed import distributed
from tests.e2e.graphql_client import LiveRate, execute, live_rates, next_event
from tests.e2e.processes import eventually, running
from tests.e2e.recorded import Series, read_binance, read_coingecko, recording

pytestmark = pytest.mark.timeout(180)

BINANCE_FILES = ("binance_spot_ws_btcusdt_20240808.txt.gz", "binance_spot_ws_ethusdt_20240808.txt.gz")
BINANCE_SPEED = 25
COINGECKO_FILE = "coingecko_http_2023_2025h1.jsonl.gz"
COINGECKO_SPEED = 3_000_000
POLL_S = 0.2
# How late an answer may be relayed: one poll, and a busy machine.
SLACK_S = 1.5
SETTINGS = {
    "RATEWIRE_PRODUCER_INTERVAL_S": str(POLL_S),
    "RATEWIRE_SIMULATOR_COINGECKO_CALLS_PER_MINUTE": "0",
    "RATEWIRE_COINGECKO_CALLS_PER_MINUTE": "10000",
}
INSTRUMENTS = """
query Instruments($source: SourceId!) {
  instruments(filter: {source: $source}, first: 200) { nodes { symbol quote sourceSymbol } pageInfo { hasNextPage } }
}
"""
REFUSED = "{ sources { source { code } refusedCount } }"


class Node(TypedDict):
    symbol: str
    quote: str
    sourceSymbol: str


class Nodes(TypedDict):
    nodes: list[Node]


class Instruments(TypedDict):
    """The data of `INSTRUMENTS`."""

    instruments: Nodes


class SourceCode(TypedDict):
    code: str


class RefusedOfSource(TypedDict):
    source: SourceCode
    refusedCount: int


class RefusedOfSources(TypedDict):
    """The data of `REFUSED`."""

    sources: list[RefusedOfSource]


class ReplayStatus(TypedDict):
    """Progress of the simulator's replay; null: not begun, not ended."""

    began_at_us: int | None
    ended_at_ms: int | None


@dataclass
class Replay:
    """A system that replays: the clients' address, and that of the simulator's status."""

    url: str
    status_url: str

    async def status(self) -> ReplayStatus:
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(self.status_url)
        return msgspec.json.decode(answer.content, type=ReplayStatus)


Opened = Callable[..., AbstractAsyncContextManager[Replay]]


@pytest.fixture(params=["embedded", pytest.param("distributed", marks=pytest.mark.long)])
def replaying(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    redis_server: ServerProcess,
    rabbitmq_server: ServerProcess,
    postgres_server: ServerProcess,
) -> Opened:
    """Open a system that replays recordings.

    In one process, or in separate processes on the real backends.
    """

    @asynccontextmanager
    async def embedded(
        files: list[Path], speed: float, add: list[tuple[str, str, str]]
    ) -> AsyncIterator[Replay]:
        del add  # what a recording holds is tracked by itself
        port = free_port()
        env = {"RATEWIRE_GATEWAY_PORT": str(port), "RATEWIRE_STANDALONE_FOLDER": str(tmp_path), **SETTINGS}
        arguments = [part for file in files for part in ("--replay", str(file))]
        async with running("up", *arguments, "--speed", str(speed), env=env) as command:
            await command.prints("gateway listening")
            status_url = re.search(r"status=(http://\S+)", command.text)
            assert status_url is not None
            yield Replay(f"http://127.0.0.1:{port}", status_url[1])

    @asynccontextmanager
    async def in_parts(
        files: list[Path], speed: float, add: list[tuple[str, str, str]]
    ) -> AsyncIterator[Replay]:
        servers = (redis_server, rabbitmq_server, postgres_server)
        for server in servers:
            server.start()
        arguments = [part for file in files for part in ("--replay", str(file))]
        async with distributed(
            *(server.url for server in servers),
            simulator=[*arguments, "--speed", str(speed)],
            settings=SETTINGS,
            instruments=add,
        ) as system:
            port = system.env["RATEWIRE_SIMULATOR_HTTP_PORT"]
            yield Replay(system.url, f"http://127.0.0.1:{port}/simulator/status")

    return embedded if request.param == "embedded" else in_parts


@asynccontextmanager
async def collecting(replay: Replay, source: str) -> AsyncIterator[list[LiveRate]]:
    """Collect every rate that a subscriber of a source receives."""
    received: list[LiveRate] = []

    async def collect() -> None:
        async with live_rates(replay.url, sources=[source]) as events:
            while True:
                received.extend((await next_event(events, within_s=60))["items"])

    async with asyncio.TaskGroup() as group:
        task = group.create_task(collect())
        yield received
        task.cancel()


async def nothing_refused(replay: Replay) -> None:
    sources = (await execute(replay.url, REFUSED, RefusedOfSources))["sources"]
    assert {entry["refusedCount"] for entry in sources} == {0}


def epoch_ms(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.long
async def test_a_recorded_binance_stream_arrives_digit_for_digit(replaying: Opened) -> None:
    """Each value is the recording's at its time, in order, and the last of each symbol arrives."""
    files = [recording(name) for name in BINANCE_FILES]
    first_ms, series = await asyncio.to_thread(read_binance, files)
    async with replaying(files, BINANCE_SPEED, []) as replay, collecting(replay, "BINANCE") as received:
        began_us = await eventually(lambda: _began(replay), within_s=60, what="the replay's beginning")

        def moved(event_ms: int) -> int:
            return (began_us + (event_ms - first_ms) * 1000 // BINANCE_SPEED) // 1000

        last = {f"{base}/USDT": moved(series[f"{base}USDT"].trades[-1][0]) for base in ("BTC", "ETH")}

        async def all_arrived() -> bool:
            newest = {item["symbol"]: epoch_ms(item["observedAt"]) for item in received}
            return {symbol: at for symbol, at in newest.items() if symbol in last} == last

        await eventually(all_arrived, within_s=60, what=f"the last trades {last}")
        await nothing_refused(replay)
    check_binance(received, series, moved)


async def _began(replay: Replay) -> int | None:
    return (await replay.status())["began_at_us"]


def check_binance(
    received: list[LiveRate], series: Mapping[str, Series], moved: Callable[[int], int]
) -> None:
    for base in ("BTC", "ETH"):
        recorded = series[f"{base}USDT"]
        items = [item for item in received if item["symbol"] == f"{base}/USDT"]
        assert len(items) > 50, "too few for a live feed"
        place = -1
        for item in items:
            value = (epoch_ms(item["observedAt"]), item["price"])
            place = next_place(recorded.trades, moved, value, place)
            assert (item["bid"], item["ask"]) in recorded.books
            assert item["simulated"] is True
        assert items[-1]["price"] == recorded.trades[-1][1]


def next_place(
    trades: list[tuple[int, str]], moved: Callable[[int], int], value: tuple[int, str], after: int
) -> int:
    """The index of `value` among the recorded trades after index `after`.

    Fails on a repeat or a wrong order.
    """
    for place in range(after + 1, len(trades)):
        event_ms, price = trades[place]
        if (moved(event_ms), price) == value:
            return place
        assert moved(event_ms) <= value[0], f"{value} is no recorded trade after place {after}"
    raise AssertionError(f"{value} is no recorded trade after place {after}")


async def test_recorded_coingecko_answers_arrive_digit_for_digit(replaying: Opened) -> None:
    """Prices keep their digits, are relayed while the recording has them, and never go back."""
    file = recording(COINGECKO_FILE)
    first_s, series = await asyncio.to_thread(read_coingecko, file)
    coins = sorted({coin for coin, currency in series if currency == "usd"})
    # Only some, because each is a command; those that change within the recording tell most.
    chosen = sorted(coins, key=lambda coin: -len(series[coin, "usd"]))[:8]
    add = [("add", "coingecko", f"REC{number}/USD", coin) for number, coin in enumerate(chosen)]
    async with replaying([file], COINGECKO_SPEED, add) as replay, collecting(replay, "COINGECKO") as received:
        nodes = (await execute(replay.url, INSTRUMENTS, Instruments, source="COINGECKO"))["instruments"][
            "nodes"
        ]
        coin_of = {node["symbol"]: node["sourceSymbol"] for node in nodes if node["quote"] == "USD"}
        assert set(chosen) <= set(coin_of.values())
        began_s = await eventually(lambda: _began(replay), within_s=60, what="the replay's beginning") / 1e6
        last = {coin: series[coin, "usd"][-1][1] for coin in chosen}

        async def all_arrived() -> bool:
            newest = {coin_of.get(item["symbol"]): item["price"] for item in received}
            ended = (await replay.status())["ended_at_ms"] is not None
            return ended and {coin: newest.get(coin) for coin in chosen} == last

        await eventually(all_arrived, within_s=90, what=f"the last prices {last}")
        await nothing_refused(replay)
    for coin in chosen:
        items = [item for item in received if coin_of.get(item["symbol"]) == coin]
        due = [(began_s + (at - first_s) / COINGECKO_SPEED, price) for at, price in series[coin, "usd"]]
        place = 0
        for item in items:
            seen_s = epoch_ms(item["observedAt"]) / 1000
            while due[place][1] != item["price"]:
                place += 1
                assert place < len(due), f"{item['price']} of {coin} is not recorded there: {due}"
            assert due[place][0] <= seen_s + SLACK_S
            assert (
                place + 1 == len(due)
                or seen_s <= due[place + 1][0] + SLACK_S
                or any(price == item["price"] for _, price in due[place + 1 :])
            )
        assert Decimal(items[-1]["price"]) == Decimal(due[-1][1])
