"""A day of Binance's push feed in seconds.

Its connections are replaced every 1.5 seconds, and no trade is missing.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import TypedDict

import pytest
from websockets.asyncio.client import connect

from instruments.seed import read_seed
from rates.source import Source
from runtime.free_port import free_port
from tests.e2e.graphql_client import rates, subscribed
from tests.e2e.processes import eventually, running

pytestmark = pytest.mark.servers

SYMBOLS = tuple(str(one.symbol) for one in read_seed() if one.source is Source.BINANCE)[:40]
LIFETIME_S = 1.5
WATCHED_S = 12.0
# Each symbol trades once a second: what is conflated on a busy machine, trades of one symbol within moments, never comes. And
# all together trade every 25 ms: no gap between two connections is too short to lose one.
SPACING_MS = 1000
RECORDED_S = 120
MOVES = """
subscription Moves($symbols: [Symbol!]) {
  rates(symbols: $symbols, sources: [BINANCE]) { items { symbol observedAt } }
}
"""
OPENED = re.compile(r"delivering +.*source=binance url=(ws://[\d.:]+)/stream")
Trade = tuple[str, int]


class Move(TypedDict):
    symbol: str
    observedAt: str


class MoveList(TypedDict):
    items: list[Move]


class Moves(TypedDict):
    """The data of an event of `MOVES`."""

    rates: MoveList


async def trades(url: str) -> AsyncGenerator[Trade, None]:
    """Collect every trade, as symbol and event time in ms, on a connection of its own."""
    names = "/".join(f"{symbol.replace('/', '').lower()}@trade" for symbol in SYMBOLS)
    spelt = {symbol.replace("/", ""): symbol for symbol in SYMBOLS}
    async with connect(f"{url}/stream?streams={names}") as socket:
        async for text in socket:
            data = json.loads(text)["data"]
            yield spelt[data["s"]], data["E"]


async def watch(url: str, received: set[Trade]) -> None:
    """Note every observation that a subscriber receives."""
    async with subscribed(url, MOVES, Moves, symbols=list(SYMBOLS)) as events:
        async for event in events:
            for item in event["rates"]["items"]:
                received.add((item["symbol"], to_ms(item["observedAt"])))


def to_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def write_recording(path: Path) -> None:
    """Write evenly spaced trades in the format of the recordings.

    Time of receipt in ns, then Binance's frame.
    """
    began_ms = 1_700_000_000_000
    stagger_ms = SPACING_MS // len(SYMBOLS)
    with path.open("w") as file:
        for number in range(RECORDED_S * 1000 // stagger_ms):
            name = SYMBOLS[number % len(SYMBOLS)].replace("/", "")
            at = began_ms + number * stagger_ms
            data = {"e": "trade", "E": at, "s": name, "t": number, "p": f"{100 + number}.00", "q": "1.00"}
            data |= {"T": at, "m": True, "M": True}
            frame = json.dumps({"stream": f"{name.lower()}@trade", "data": data}, separators=(",", ":"))
            file.write(f"{at * 1_000_000} {frame}\n")


async def test_a_subscriber_misses_no_trade_while_connections_are_replaced(tmp_path: Path) -> None:
    """A GraphQL subscriber receives each trade that a direct connection does.

    The feed's connection is replaced eight times meanwhile.
    """
    recording = tmp_path / "even.txt"
    write_recording(recording)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path),
        "RATEWIRE_BINANCE_CONNECTION_LIFETIME_S": str(LIFETIME_S),
        "RATEWIRE_STREAM_FLUSH_INTERVAL_MS": "1",
    }
    async with running("up", "--replay", str(recording), env=env) as system:

        async def fresh() -> bool:
            items = await rates(url, symbols=list(SYMBOLS), sources=["BINANCE"])
            return [item["freshness"] for item in items or ()] == ["FRESH"] * len(SYMBOLS)

        await eventually(fresh, within_s=60, what="fresh rates")
        await system.prints("source=binance url=ws:")
        exchange = OPENED.search(system.text)
        assert exchange
        received: set[Trade] = set()
        sent: list[Trade] = []
        watching = asyncio.create_task(watch(url, received))
        try:
            async with aclosing(trades(exchange[1])) as observed:
                # The subscriber's snapshot first: nothing from before it is delivered.
                await eventually(
                    lambda: asyncio.sleep(0, result=len({symbol for symbol, _ in received}) == len(SYMBOLS)),
                    within_s=60,
                    what="a snapshot",
                )
                began = asyncio.get_running_loop().time()
                async for trade in observed:
                    sent.append(trade)
                    if asyncio.get_running_loop().time() - began > WATCHED_S:
                        break
            await eventually(
                lambda: asyncio.sleep(0, result=received.issuperset(sent)),
                within_s=60,
                what=f"{len(sent)} trades at the subscriber",
            )
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        replaced = len(re.findall(r"rolled over .*source=binance", system.text))
    assert replaced >= WATCHED_S / LIFETIME_S / 2
    assert len(sent) > WATCHED_S * 1000 / SPACING_MS * len(SYMBOLS) / 2
