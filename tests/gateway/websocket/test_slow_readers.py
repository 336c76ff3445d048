"""Readers that read slowly or not at all.

They lose intermediate values, never the newest, and cost the others nothing.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

from structlog.typing import EventDict
from websockets import ConnectionClosed

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Until
from tests.gateway.gateway_processes import Writer, gateway_processes
from tests.gateway.raw_socket import RawSocket, raw_socket
from tests.json_types import JsonObject

MIB = 1024 * 1024
SYMBOLS = [f"S{number}/USDT" for number in range(50)]
WRITES_A_SECOND = 20
UPDATES_A_SECOND = len(SYMBOLS) * WRITES_A_SECOND
WATCHED = f"subscription {{ rates(symbols: {SYMBOLS}) {{ conflatedCount items {{ symbol price observedAt }} }} }}".replace(
    "'", '"'
)
WIDE = "subscription { rates { " + " ".join(f"c{n}: items {{ id symbol price }}" for n in range(40)) + " } }"


@contextmanager
def narrow_link(url: str) -> Iterator[socket.socket]:
    """A connection that takes next to nothing while nobody reads it."""
    host, _, port = url.removeprefix("ws://").partition("/")[0].partition(":")
    with closing(socket.socket()) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect((host, int(port)))
        link.setblocking(False)
        yield link


@asynccontextmanager
async def stalled_reader(url: str, query: str = WATCHED) -> AsyncIterator[RawSocket]:
    """A reader that has read its snapshot and reads no more until it is asked to."""
    with narrow_link(url) as link:
        async with raw_socket(url, sock=link, max_queue=1) as client:
            await client.start("1", query)
            assert (await client.receive())["type"] == "next"
            client.connection.transport.pause_reading()
            yield client


class Witness:
    """A reader that keeps up.

    The newest price that it has seen of the first symbol, and how late that was at worst.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.worst_delay_s = 0.0
        self.written_at: dict[int, float] = {}
        self.advanced = asyncio.Event()

    async def read(self, client: RawSocket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message = await client.receive()
            if message["type"] == "ping":
                continue
            for item in message["payload"]["data"]["rates"]["items"]:
                if item["symbol"] == SYMBOLS[0] and (price := int(item["price"])) in self.written_at:
                    self.seen = price
                    self.worst_delay_s = max(self.worst_delay_s, loop.time() - self.written_at[price])
                    self.advanced.set()

    async def has_seen(self, price: int) -> None:
        async with asyncio.timeout(60):
            while self.seen < price:
                self.advanced.clear()
                await self.advanced.wait()


async def write_for(seconds: float, writer: Writer, witness: Witness, first: int) -> int:
    """Write at the rate of the test for so long; the next price."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for number in range(round(seconds * WRITES_A_SECOND)):
        await asyncio.sleep(max(0.0, started + number / WRITES_A_SECOND - loop.time()))
        witness.written_at[first + number] = loop.time()
        await writer.write(dict.fromkeys(SYMBOLS, first + number))
    last = first + round(seconds * WRITES_A_SECOND) - 1
    await witness.has_seen(last)
    return last + 1


async def test_readers_that_stop_reading_cost_no_memory_and_nobody_else(
    redis_url: str, tmp_path: Path
) -> None:
    """1,000 updates a second, ten readers that stop.

    Flat memory, a neighbour that misses nothing, then the newest values.
    """
    assert UPDATES_A_SECOND == 1_000
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(Writer(redis_url))
        await writer.write(dict.fromkeys(SYMBOLS, 1))
        processes = gateway_processes(1, redis_url, tmp_path, SYMBOLS, anew=True)
        (gateway,) = await stack.enter_async_context(processes)
        witness, quick = Witness(), await stack.enter_async_context(raw_socket(gateway.ws))
        await quick.start("1", WATCHED)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        reading = tasks.create_task(witness.read(quick))
        price = await write_for(1, writer, witness, first=2)
        undisturbed_s, witness.worst_delay_s = witness.worst_delay_s, 0.0
        stalled = [await stack.enter_async_context(stalled_reader(gateway.ws)) for _ in range(10)]
        price = await write_for(2, writer, witness, first=price)
        before = gateway.resident_bytes()
        witness.worst_delay_s = 0.0
        price = await write_for(12, writer, witness, first=price)
        growth = gateway.resident_bytes() - before
        assert growth < 10 * MIB
        # Two seconds, and on a slow machine as much longer as updates took there before anybody stalled.
        assert witness.worst_delay_s < 2 + 10 * undisturbed_s
        for client in stalled:
            await reads_on(client, price - 1)
        reading.cancel()
        assert "Traceback" not in gateway.command.text


async def reads_on(client: RawSocket, newest: int) -> None:
    """Read on: the newest values come in fewer events, with the number of merged updates."""
    client.connection.transport.resume_reading()
    events, conflated, prices = 0, 0, dict.fromkeys(SYMBOLS, 0)
    while set(prices.values()) != {newest}:
        event = (await client.receive())["payload"]["data"]["rates"]
        events += 1
        conflated += event["conflatedCount"]
        for item in event["items"]:
            assert int(item["price"]) > prices[item["symbol"]]
            prices[item["symbol"]] = int(item["price"])
    assert conflated > 0
    assert events < newest / 2


async def test_a_reader_stalled_for_too_long_is_closed_with_4503(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """At once for the server, whose memory it held.

    It learns of it when it reads on, behind what was under way.
    """
    async with ready_gateway(stall_timeout_s=0.3) as served, stalled_reader(served.ws, WIDE) as client:
        number = 0
        async with asyncio.timeout(60):
            while (await served.facts(lambda _: True))["subscribers"]:
                number += 1
                await cache.write([ticker(price=str(number), sequence=number)])
        client.connection.transport.resume_reading()
        code, reason = await client.closed()
        assert code == 4503
        assert reason is not None
        assert reason.startswith("stalled")


async def test_a_reader_that_never_reads_ends_with_all_its_subscriptions(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """A thousand of them, whose first events are more than the connection holds."""
    await cache.write([ticker()])
    async with ready_gateway(stall_timeout_s=1) as served:
        with narrow_link(served.ws) as link:
            async with raw_socket(served.ws, sock=link, max_queue=1) as client:
                client.connection.transport.pause_reading()
                for number in range(1_000):
                    await client.start(str(number), WIDE)
                await served.facts(lambda seen: seen["subscribers"] > 100)
                await served.facts(lambda seen: seen["subscribers"] == 0)
                client.connection.transport.resume_reading()
                assert (await client.closed())[0] == 4503


async def test_a_reader_of_a_silent_connection_is_missed_too(ready_gateway: ReadyGateway) -> None:
    """WebSocket's own pings find it, where there is nothing to write that could be blocked."""
    async with ready_gateway(stall_timeout_s=0.3) as served, stalled_reader(served.ws, WIDE) as client:
        await served.facts(lambda seen: seen["subscribers"] == 0)
        client.connection.transport.resume_reading()
        assert await client.closed() == (4503, "stalled: no pong")


async def test_answers_that_nobody_reads_are_not_piled_up(
    ready_gateway: ReadyGateway, until: Until, structured_logs: list[EventDict]
) -> None:
    """The server reads no further from a client that asks without listening, and ends it."""
    ping = '{"type":"ping","payload":{"a":"' + "x" * 50_000 + '"}}'
    async with ready_gateway(stall_timeout_s=0.5) as served:
        with narrow_link(served.ws) as link:
            async with raw_socket(served.ws, sock=link, max_queue=1) as client:
                client.connection.transport.pause_reading()
                async with asyncio.TaskGroup() as tasks:
                    asking = tasks.create_task(ask_for_ever(client, ping))
                    await until(
                        lambda: any(each["event"] == "connection stalled, closed" for each in structured_logs)
                    )
                    client.connection.transport.resume_reading()
                    assert (await client.closed())[0] == 4503
                    asking.cancel()


async def ask_for_ever(client: RawSocket, message: str) -> None:
    with suppress(ConnectionClosed):
        while True:
            await client.connection.send(message)


class Overtaking:
    """Counts the events of subscriptions that are ahead of others.

    By the price, which rises with each write.
    """

    def __init__(self, subscriptions: int) -> None:
        self._newest = dict.fromkeys(map(str, range(subscriptions)), -1)
        # By the one that is ahead and the one behind.
        self._further: Counter[tuple[str, str]] = Counter()

    def read(self, event: JsonObject) -> int:
        """Return how many further events one has had at most while another one lacks what it had."""
        subscription, newest = event["id"], self._newest
        for other in newest:
            if newest[other] < newest[subscription]:
                self._further[subscription, other] += 1
            del self._further[other, subscription]
        items = next(iter(event["payload"]["data"]["rates"].values()))
        newest[subscription] = int(items[0]["price"]) if items else 0
        return max(self._further.values(), default=0)


async def test_subscriptions_of_one_socket_get_their_turns_in_order(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """A subscription that lacks what another one has comes before that one has had two more.

    At any speed of the reader, wide or narrow. One more, because a waiting one can be served before those that are new in the queue have been flushed. Numbers of events
    may differ: one whose turn comes after another write gets both in one event.
    """
    async with ready_gateway() as served, narrow_reader(served.ws) as client:
        # Several times what the connection takes at once.
        overtaking = Overtaking(60)
        for number in range(60):
            await client.start(
                str(number), WIDE if number % 2 else "subscription { rates { items { price } } }"
            )
        for _ in range(60):
            assert overtaking.read(await client.receive()) == 0
        for number in range(200):
            await cache.write([ticker(price=str(number + 1), sequence=number)])
        for number in range(500):
            await cache.write([ticker(price=str(number + 1_000), sequence=number + 1_000)])
            assert overtaking.read(await client.receive()) <= 1


@asynccontextmanager
async def narrow_reader(url: str) -> AsyncIterator[RawSocket]:
    with narrow_link(url) as link:
        async with raw_socket(url, sock=link, max_queue=1) as client:
            yield client


async def test_a_stop_waits_for_no_reader(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """A reader that has stopped reading does not delay it until the stall timeout."""
    async with ready_gateway(stall_timeout_s=3_600) as served, stalled_reader(served.ws, WIDE):
        for number in range(300):
            await cache.write([ticker(price=str(number + 1), sequence=number)])
            await asyncio.sleep(0)
        served.stop.set()
        await asyncio.wait_for(asyncio.shield(served.done), 60)
