"""Results that wait for a client that does not read.

A few of each connection do, however many operations it runs.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from access.memory_lease_store import MemoryLeaseStore
from access.plan import ANONYMOUS, PlanLimits
from cache.memory import MemoryCache
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import StreamCost
from gateway.client_limits import ClientLimit, ClientLimits
from gateway.gateway import Gateway
from gateway.http.event_streams import EventStreams
from gateway.http.stream import ResponseBody
from gateway.queries.rates_query import RatesQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.result_slots import MAX_UNWRITTEN
from tests.gateway.fixture_types import BuildTicker, Until
from tests.json_types import Json

OPERATIONS = 50


class Reader:
    """A client that reads nothing until it is told to, and its stream."""

    def __init__(self) -> None:
        limits = ClientLimits(
            sockets=ClientLimit("sockets", per_address=1, in_process=1),
            subscriptions=ClientLimit("subscriptions", per_address=OPERATIONS, in_process=OPERATIONS),
        )
        streams = EventStreams(limits, max_running=OPERATIONS)
        self.accounts = Accounts(MemoryLeaseStore(), {ANONYMOUS: PlanLimits().named(ANONYMOUS)}, grace_s=60)
        self.account = self.accounts.of_address("1.2.3.4")
        self.stream = streams.open(streams.reserve("1.2.3.4", self.account))
        self.reads = asyncio.Event()
        self.last: dict[str, Json] = {}
        """What it has read last of each operation."""

    async def send(self, event: dict[str, bytes]) -> None:
        await self.reads.wait()
        if event["body"].startswith(b"event: next"):
            data = json.loads(event["body"].split(b"data: ")[1])
            self.last[data["id"]] = data["payload"]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        send: Callable[..., Awaitable[None]] = self.send
        running = asyncio.create_task(self.stream.run(ResponseBody(send, timeout_s=60)))
        try:
            yield
        finally:
            self.stream.close()
            running.cancel()
            await asyncio.wait([running])


async def test_subscriptions_that_share_nothing_compute_a_few_results(
    gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until
) -> None:
    """The others compute theirs when it is their turn; each gets the newest value."""

    async def prices(number: int) -> AsyncGenerator[bytes, None]:
        options = DeliveryOptions(sample_interval_s=number / 1e6)
        async with aclosing(gateway.live_queries.iterate(RatesQuery(), options)) as events:
            async for event in events:
                yield json.dumps([str(rate.ticker.price) for rate in event.items]).encode()

    await cache.write([ticker(price="1", sequence=1)])
    await until(lambda: gateway.mirror.positions != {})
    reader = Reader()
    async with reader.connected():
        for number in range(OPERATIONS):
            opened = reader.accounts.open_stream(reader.account, StreamCost(1, 1))
            reader.stream.add(str(number), prices(number), opened)
        await until(lambda: gateway.registry.deliveries >= MAX_UNWRITTEN)
        for number in range(2, 6):
            await cache.write([ticker(price=str(number), sequence=number)])
            await asyncio.sleep(0)
        assert gateway.registry.deliveries == MAX_UNWRITTEN
        reader.reads.set()
        await until(
            lambda: len(reader.last) == OPERATIONS and all(each == ["5"] for each in reader.last.values())
        )


async def test_queries_are_answered_a_few_at_a_time(until: Until) -> None:
    """One that is stopped while it waits gives its turn to the next."""
    started = 0

    async def answer() -> AsyncGenerator[bytes, None]:
        nonlocal started
        started += 1
        yield b"1"

    reader = Reader()
    async with reader.connected():
        for number in range(OPERATIONS):
            reader.stream.add(str(number), answer(), None)
        for _ in range(OPERATIONS):
            await asyncio.sleep(0)
        assert started == MAX_UNWRITTEN
        reader.stream.stop(str(MAX_UNWRITTEN))
        reader.reads.set()
        await until(lambda: len(reader.last) == OPERATIONS - 1)
    assert started == OPERATIONS - 1
