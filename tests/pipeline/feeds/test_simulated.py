"""The push feed against the simulated Binance, with its limits, pings, lifetimes and closes."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.sync.server import ServerConnection, serve

from cache.memory import MemoryCache
from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.feeds.push_feed import PushFeed
from pipeline.roles import stream
from pipeline.settings import IngestSettings, StreamSettings
from pipeline.sources.binance.factory import binance
from pipeline.sources.binance.settings import BinanceSettings
from rates.clock import utc_now
from rates.health import LinkState
from rates.source import Source
from simulator.server import SimulatorAddresses, run_simulator
from simulator.settings import SimulatorSettings
from tests.pipeline.fakes import BTC, FakeReader, eventually, health, instrument, memory_context, until
from tests.pipeline.feeds.push_server import Running

pytestmark = pytest.mark.servers

# The exchange waits for a minute; two seconds are plenty for a loop that is late by a fifth of a second.
PONG_TIMEOUT_S = 2.0
PAIRS = [instrument(f"{base}/USDT") for base in ("BTC", "ETH", "SOL", "XRP", "DOGE")]


@asynccontextmanager
async def feeding(url: str, *, simulated: bool = True, **settings: float) -> AsyncIterator[Running]:
    running = Running(health())
    adapter = binance(BinanceSettings(stream_urls=(url,), **settings))  # type: ignore[arg-type]
    assert adapter.build_feed is not None
    feed = PushFeed(
        adapter.build_feed(simulated=simulated),
        lambda: PAIRS,
        running.tickers.extend,
        running.health,
        MemoryCooldown(utc_now),
        silent_after_s=30,
        endpoint_rest_s=60,
        simulated=simulated,
        clock=utc_now,
    )
    task = asyncio.create_task(feed.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait([task])


async def listen(at: SimulatorAddresses, seen: list[tuple[str, int]]) -> None:
    """Record every trade that the exchange sends, independently of our feed."""
    names = "/".join(f"{one.source_symbol.lower()}@trade" for one in PAIRS)
    async with connect(f"{at.binance_stream_url}/stream?streams={names}", max_queue=None) as socket:
        async for frame in socket:
            data = json.loads(frame)["data"]
            seen.append((data["s"], data["t"]))


class Conduct(TypedDict):
    """The simulator's record of one source's client."""

    attempts: int
    violations: dict[str, int]


class Status(TypedDict):
    clients: dict[str, Conduct]


async def test_many_roll_overs_miss_no_trade() -> None:
    """The exchange closes connections after 5 s; ours are replaced before that."""
    settings = SimulatorSettings(http_port=0, ws_port=0, binance_connection_lifetime_seconds=5)
    async with (
        run_simulator(settings) as at,
        feeding(at.binance_stream_url, connection_lifetime_s=1.5) as running,
    ):

        async def conduct() -> Conduct:
            async with httpx.AsyncClient(timeout=60) as http:
                return msgspec.json.decode((await http.get(at.status_url)).content, type=Status)["clients"][
                    "binance"
                ]

        def tickers_of() -> set[tuple[str, int]]:
            # One that stands for several trades with following numbers names the last of them.
            return {
                (str(ticker.symbol).replace("/", ""), number)
                for ticker in running.tickers
                for number in range(ticker.sequence - ticker.merged, ticker.sequence + 1)
            }

        await until(lambda: len({symbol for symbol, _ in tickers_of()}) == len(PAIRS), within_s=20)
        seen: list[tuple[str, int]] = []
        witness = asyncio.create_task(listen(at, seen))

        async def has_replaced_three() -> bool:
            return len(seen) > 20 and (await conduct())["attempts"] >= 4

        await eventually(has_replaced_three, within_s=60)
        assert not witness.done()
        witness.cancel()
        await asyncio.wait([witness])
        await until(lambda: tickers_of() >= set(seen))
        assert running.health.reconnects == 0
        assert running.health.state is LinkState.UP
        assert not (await conduct())["violations"]


def flood(socket: ServerConnection, delays: list[float]) -> None:
    """Send 800 trades at a time and a ping after each burst; record the pongs' delays."""
    for message in socket:
        socket.send(json.dumps({"result": None, "id": json.loads(message)["id"]}))
        break
    for burst in range(10):
        for number in range(burst * 800, burst * 800 + 800):
            data = {"e": "trade", "E": 1723161255000 + number, "s": "BTCUSDT", "t": number, "p": "1.5"}
            socket.send(json.dumps({"stream": "btcusdt@trade", "data": data}))
        began = time.monotonic()
        socket.ping(str(burst)).wait(PONG_TIMEOUT_S)
        delays.append(time.monotonic() - began)


async def test_a_flood_on_a_busy_loop_delays_no_pong_for_long() -> None:
    """The loop is blocked for a fifth of a second at a time, and the queue overflows."""
    delays: list[float] = []
    with serve(lambda socket: flood(socket, delays), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        try:
            async with feeding(url, simulated=False) as running:
                async with asyncio.timeout(30):
                    while len(delays) < 10:
                        time.sleep(0.2)  # noqa: ASYNC251 - the very thing that is tested
                        await asyncio.sleep(0.01)
                await until(lambda: running.tickers and running.tickers[-1].sequence == 7999)
                assert len(running.tickers) == 8000
                assert max(delays) < PONG_TIMEOUT_S
        finally:
            server.shutdown()
            thread.join()


async def test_replicas_deliver_the_same_tickers() -> None:
    """For every symbol the last values of two feeds are equal at some time, digit for digit."""
    async with (
        run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as at,
        feeding(at.binance_stream_url) as one,
        feeding(at.binance_stream_url) as other,
    ):

        def common() -> Counter[str]:
            told = [
                {(ticker.symbol, ticker.sequence, ticker.price) for ticker in running.tickers}
                for running in (one, other)
            ]
            return Counter(str(symbol) for symbol, _, _ in told[0] & told[1])

        await until(lambda: all(common()[str(pair.symbol)] > 3 for pair in PAIRS), within_s=20)


async def test_a_silent_symbol_degrades_its_source_and_no_other_symbol() -> None:
    """End to end: the report names the symbol, and the others are fresh."""
    cache, stop = MemoryCache(), asyncio.Event()
    async with (
        run_simulator(SimulatorSettings(http_port=0, ws_port=0)) as at,
        httpx.AsyncClient(timeout=60) as http,
        asyncio.TaskGroup() as group,
    ):
        silence = {"source": "binance", "fault": "silent", "symbols": ["BTC/USDT"]}
        (await http.post(at.status_url.replace("status", "faults"), json=silence)).raise_for_status()
        settings = BinanceSettings(stream_urls=(at.binance_stream_url,), first_message_timeout_s=2)
        group.create_task(
            stream(
                stop,
                memory_context(cache),
                binance(settings),
                instance="stream",
                instruments=FakeReader(PAIRS),
                settings=StreamSettings(),
                ingest=IngestSettings(),
            )
        )

        async def is_told() -> bool:
            snapshot = await cache.read_snapshot(Source.BINANCE)
            return any(report.silent == (BTC,) for report in snapshot.reports)

        await eventually(is_told)
        snapshot = await cache.read_snapshot(Source.BINANCE)
        assert {ticker.symbol for ticker in snapshot.tickers} == {pair.symbol for pair in PAIRS} - {BTC}
        (report,) = snapshot.reports
        assert report.state is LinkState.UP
        assert "BTC/USDT (no message within" in (report.reason or "")
        stop.set()
