"""A client that loses its gateway resumes at another with its last event's cursor."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.backends import ServerProcess
from tests.gateway.gateway_processes import GatewayProcess, Writer, gateway_processes
from tests.gateway.raw_socket import LEGACY, MODERN, RawSocket, raw_socket
from tests.json_types import JsonObject
from tests.lengths import TIMES

SYMBOLS = [f"R{number}/USDT" for number in range(200)]
ROUNDS = 25
WATCH = """subscription ($after: String, $interval: Int!) {
  rates(sources: [BINANCE], after: $after, sampleIntervalMs: $interval) {
    kind cursor recovered items { symbol price } } }"""


class Client:
    """Events that a client received over all of its connections."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self.cursor: str | None = None
        self.told: Counter[tuple[str, str]] = Counter()
        self.newest: dict[str, int] = {}
        self.kinds: list[tuple[str, bool | None]] = []
        self.reconnects = 0

    async def read(self, client: RawSocket, done: set[tuple[str, str]], at_most: int | None) -> bool:
        """Read so many events; whether all of `done` has been told."""
        await client.start("1", WATCH, after=self.cursor, interval=self._draw.choice([0, 0, 1, 20]))
        while not done <= self.told.keys():
            if at_most == 0:
                return False
            event = (await client.receive())["payload"]["data"]["rates"]
            self.kinds.append((event["kind"], event["recovered"]))
            self.cursor = event["cursor"]
            if event["kind"] == "GAP":
                # What comes now is everything, what it knows included.
                self.newest.clear()
            self._note(event["items"])
            at_most = None if at_most is None else at_most - 1
        return True

    def _note(self, items: list[dict[str, str]]) -> None:
        for item in items:
            symbol, price = item["symbol"], int(item["price"])
            assert price > self.newest.get(symbol, 0), "told twice, or older after newer"
            self.newest[symbol] = price
            self.told[symbol, item["price"]] += 1

    async def follow(self, gateways: list[GatewayProcess], done: set[tuple[str, str]]) -> None:
        """Read from one gateway after the other, cut off in the middle of whatever is under way."""
        while True:
            gateway = gateways[self.reconnects % len(gateways)]
            # The first connection must have seen one event, or there is no cursor to go on with.
            at_most = self._draw.randint(0 if self.cursor else 1, 12) if self.reconnects < 8 else None
            async with raw_socket(gateway.ws, self._draw.choice([MODERN, LEGACY])) as client:
                if await self.read(client, done, at_most):
                    return
                client.connection.transport.abort()
            self.reconnects += 1


async def write_all(writer: Writer, price: int, draw: random.Random) -> None:
    """Every symbol once, in any order, a few at a time, with pauses or without."""
    left = draw.sample(SYMBOLS, len(SYMBOLS))
    while left:
        count = draw.randint(1, 5)
        await writer.write(dict.fromkeys(left[:count], price))
        left = left[count:]
        if draw.random() < 0.3:
            await asyncio.sleep(draw.random() * 0.01)


async def write_often(writer: Writer, price: int, draw: random.Random) -> dict[str, int]:
    """Write a few symbols again and again at rising prices; return the last price of each."""
    last: dict[str, int] = {}
    for number in range(400):
        prices = dict.fromkeys(draw.sample(SYMBOLS[:20], draw.randint(1, 20)), price + number)
        await writer.write(prices)
        last |= prices
    return last


@asynccontextmanager
async def two_gateways(redis_url: str, folder: Path) -> AsyncIterator[tuple[Writer, list[GatewayProcess]]]:
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(Writer(redis_url))
        await writer.forget()
        await writer.write(dict.fromkeys(SYMBOLS, 1))
        yield writer, await stack.enter_async_context(gateway_processes(2, redis_url, folder, SYMBOLS))


async def test_a_client_cut_off_anywhere_misses_nothing_and_hears_nothing_twice(
    redis_url: str, tmp_path: Path
) -> None:
    """25 clients, one after the other, are each cut off up to eight times.

    Meanwhile 200 symbols move once each. There are two gateways.
    """
    async with two_gateways(redis_url, tmp_path) as (writer, gateways):
        reconnects = 0
        for seed in range(ROUNDS):
            price, draw = seed + 2, random.Random(seed)
            client = Client(draw)
            async with raw_socket(gateways[0].ws) as first:
                # It has its snapshot before anything moves: from there each price is news exactly once.
                await client.read(first, {(symbol, str(price - 1)) for symbol in SYMBOLS}, None)
            done = {(symbol, str(price)) for symbol in SYMBOLS}
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(write_all(writer, price, draw))
                tasks.create_task(client.follow(gateways, done))
            assert set(client.told) == done | {(symbol, str(price - 1)) for symbol in SYMBOLS}, f"seed {seed}"
            assert set(client.told.values()) == {1}, f"seed {seed}"
            assert {kind for kind in client.kinds if kind[0] != "UPDATE"} == {
                ("SNAPSHOT", None),
                ("SNAPSHOT", True),
            }, f"seed {seed}"
            reconnects += client.reconnects
        assert reconnects > ROUNDS
        for gateway in gateways:
            assert "Traceback" not in gateway.command.text


async def test_a_client_cut_off_anywhere_ends_with_the_newest_value_of_everything(
    redis_url: str, tmp_path: Path
) -> None:
    """The same symbols move many times, so that values are merged.

    No older value follows a newer one, and none comes twice.
    """
    async with two_gateways(redis_url, tmp_path) as (writer, gateways):
        for seed in range(4 * TIMES):
            draw, client = random.Random(seed), Client(random.Random(~seed))
            async with raw_socket(gateways[0].ws) as first:
                await client.read(first, {(SYMBOLS[-1], str(seed + 1))}, None)
            writing = asyncio.create_task(write_often(writer, 1_000 * (seed + 1), draw))
            following = asyncio.create_task(client.follow(gateways, {(SYMBOLS[-1], str(seed + 2))}))
            last = await writing
            # A symbol that moves once, after everything else: who has it, has had all that there is.
            await writer.write({SYMBOLS[-1]: seed + 2})
            await following
            assert {symbol: client.newest[symbol] for symbol in last} == last, f"seed {seed}"
            assert ("GAP", None) not in client.kinds, f"seed {seed}"
            assert ("SNAPSHOT", False) not in client.kinds, f"seed {seed}"


async def test_a_gateway_that_reloads_proves_what_was_missed(redis_url: str, tmp_path: Path) -> None:
    """Both gateways are cut off from Redis while symbols move.

    Their next snapshots say with which writes, so a client gets just those that it has missed.
    """
    async with two_gateways(redis_url, tmp_path) as (writer, gateways):
        client = Client(random.Random(0))
        async with raw_socket(gateways[0].ws) as socket:
            await client.read(socket, {(symbol, "1") for symbol in SYMBOLS}, None)
        for seed in range(2, 12):
            draw, price = random.Random(seed), str(seed)
            before, cut_off, after = (draw.sample(SYMBOLS[:-1], 7) for _ in range(3))
            await writer.write(dict.fromkeys(before, seed))
            await writer.cut_subscriptions()
            await writer.write(dict.fromkeys(cut_off, seed + 1_000))
            await writer.write({**dict.fromkeys(after, seed + 2_000), SYMBOLS[-1]: seed})
            for gateway in gateways:
                async with raw_socket(gateway.ws) as newcomer:
                    await until_told(newcomer, {(SYMBOLS[-1], price)})
            expected = {
                **dict.fromkeys(before, price),
                **dict.fromkeys(cut_off, str(seed + 1_000)),
                **dict.fromkeys(after, str(seed + 2_000)),
                SYMBOLS[-1]: price,
            }
            client.told.clear()
            client.newest.clear()
            client.kinds.clear()
            async with raw_socket(draw.choice(gateways).ws) as socket:
                await client.read(socket, set(expected.items()), None)
            assert client.told == Counter(expected.items())
            assert client.kinds == [("SNAPSHOT", True)]


async def test_a_cursor_from_before_a_redis_restart_gets_a_gap_and_everything(
    redis_server: ServerProcess, redis_url: str, tmp_path: Path
) -> None:
    """The new Redis counts anew: what was missed cannot be proved, and it is said."""
    async with two_gateways(redis_url, tmp_path) as (writer, gateways):
        client = Client(random.Random(0))
        async with raw_socket(gateways[0].ws) as socket:
            await client.read(socket, {(symbol, "1") for symbol in SYMBOLS}, None)
        redis_server.stop()
        redis_server.start()
        await writer.write(dict.fromkeys(SYMBOLS[:10], 2))
        client.kinds.clear()
        for gateway in gateways:
            async with raw_socket(gateway.ws) as newcomer:
                await until_told(newcomer, {(symbol, "2") for symbol in SYMBOLS[:10]})
        async with raw_socket(gateways[1].ws) as socket:
            await client.read(socket, {(symbol, "2") for symbol in SYMBOLS[:10]}, None)
        assert client.kinds == [("GAP", None), ("SNAPSHOT", False)]
        # What the restart lost and nobody has written since is told as it was, with its age.
        assert {symbol for symbol, _ in client.told} == set(SYMBOLS)
        before = client.cursor
        await writer.write({SYMBOLS[20]: 3})
        async with raw_socket(gateways[0].ws) as socket:
            await client.read(socket, {(SYMBOLS[20], "3")}, None)
        assert client.cursor != before
        assert client.kinds[2] == ("SNAPSHOT", True)


async def until_told(client: RawSocket, wanted: set[tuple[str, str]]) -> None:
    """Read until the gateway has these values: it has found its way back to Redis."""
    told: set[tuple[str, str]] = set()
    await client.start("1", WATCH, after=None, interval=0)
    while not wanted <= told:
        items: list[JsonObject] = (await client.receive())["payload"]["data"]["rates"]["items"]
        told |= {(item["symbol"], item["price"]) for item in items}
