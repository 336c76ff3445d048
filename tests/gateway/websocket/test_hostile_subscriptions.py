"""Ten sockets with thousands of different subscriptions, and a client that is served anyway.

Turns of the loop are measured in CPU time of the thread, so that other processes do not count.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import pytest
from websockets.frames import Frame, Opcode

from cache.memory import MemoryCache
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from gateway.websocket.protocol import GatewayWebSocketProtocol
from rates.source import Source
from tests.cost import Held, holding
from tests.gateway.fakes import FakeClock, ListedInstruments, build_ticker, wait_until
from tests.gateway.websocket.test_bounds import upgraded
from tests.gateway.wire import Wire
from tests.lengths import TIMES

SYMBOLS = [f"S{number}/USDT" for number in range(387)]
FIRST = SYMBOLS[0]
SOCKETS = 10
SUBSCRIPTIONS = 30 * TIMES
WRITTEN = 40
MAX_TURN_MS = 50
# A publication takes one turn to be read and one to be sent. A subscription of the hostile clients may come before either.
MAX_TURNS = 8
FIELDS = "symbol price bid ask observedAt ageMs"
RAISED = {"max_live_queries": 10**6, "max_live_rates": 10**8}


class Client(NamedTuple):
    """A WebSocket on a wire."""

    protocol: GatewayWebSocketProtocol
    wire: Wire

    def send(self, message: str) -> None:
        self.protocol.data_received(Frame(Opcode.TEXT, message.encode()).serialize(mask=True))

    def subscribe(self, operation: int, query: str) -> None:
        payload = query.replace('"', '\\"')
        self.send(f'{{"type":"subscribe","id":"{operation}","payload":{{"query":"{payload}"}}}}')


class Crowd:
    """A gateway, a client that watches its first instrument, and hostile clients."""

    def __init__(self, gateway: Gateway, cache: MemoryCache, client: Client, hostile: list[Client]) -> None:
        self.gateway, self.hostile = gateway, hostile
        self.turns: list[Held] = []
        self._cache, self._client = cache, client
        self._written = 1

    async def publish(self) -> int:
        """Publish prices; return the number of turns until the client has that of its instrument."""
        self._written += 1
        first = self._written * WRITTEN % (len(SYMBOLS) - WRITTEN)
        symbols = (FIRST, *SYMBOLS[first + 1 : first + WRITTEN])
        await self._cache.write(
            [build_ticker(symbol, str(self._written), sequence=self._written) for symbol in symbols]
        )
        self._client.wire.written.clear()
        turns = 0
        while not self._client.wire.written:
            with holding() as held:
                await asyncio.sleep(0)
            turns += 1
            self.turns.append(held)
        assert f'"price":"{self._written}"'.encode() in self._client.wire.written[-1]
        return turns

    def forget_written(self) -> None:
        """Drop what the hostile clients were sent."""
        for each in self.hostile:
            each.wire.written.clear()


@asynccontextmanager
async def crowd(**configured: object) -> AsyncIterator[Crowd]:
    cache = MemoryCache()
    await cache.write([build_ticker(symbol, "1") for symbol in SYMBOLS])
    listed = ListedInstruments(*((Source.BINANCE, symbol) for symbol in SYMBOLS))
    settings = GatewaySettings.model_validate(
        {"port": 0, "fast_path": True, "stall_timeout_s": 3_600, **configured}
    )
    gateway = Gateway(cache, listed, settings, simulated=True, clock=FakeClock())
    running = asyncio.create_task(gateway.run())
    try:
        await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
        app = create_app(gateway, settings)
        async with AsyncExitStack() as stack:
            clients = []
            for _ in range(1 + SOCKETS):
                client = Client(*await stack.enter_async_context(upgraded(gateway, app)))
                client.send('{"type":"connection_init"}')
                clients.append(client)
            watching, *hostile = clients
            watching.subscribe(
                1, f'subscription {{ rates(symbols: ["{FIRST}"]) {{ items {{ {FIELDS} }} }} }}'
            )
            await wait_until(lambda: b'"next"' in b"".join(watching.wire.written))
            yield Crowd(gateway, cache, watching, hostile)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def flood(crowd: Crowd, *, number: int) -> list[int]:
    """Have each hostile client subscribe to everything so often, each time differently.

    Return the turns that each publication took meanwhile.
    """
    turns, sent = [], [0] * SOCKETS
    while min(sent) < number:
        for socket, client in enumerate(crowd.hostile):
            while sent[socket] < number and client.wire.is_read:
                silence_ms = 20_000 + socket * number + sent[socket]
                client.subscribe(
                    sent[socket],
                    f"subscription {{ rates(maxSilenceMs: {silence_ms}) {{ items {{ {FIELDS} }} }} }}",
                )
                sent[socket] += 1
        turns.append(await crowd.publish())
        crowd.forget_written()
    return turns


@pytest.mark.alone
@pytest.mark.parametrize("settings", [{}, RAISED], ids=["default limits", "raised limits"])
@pytest.mark.parametrize("reads", [False, True], ids=["never reading", "reading everything"])
async def test_another_client_is_served_in_a_few_short_turns(
    settings: dict[str, object], *, reads: bool
) -> None:
    """While thousands of subscriptions begin, and once they run."""
    async with crowd(**settings) as all_clients:
        if not reads:
            for each in all_clients.hostile:
                each.protocol.pause_writing()
        turns = await flood(all_clients, number=SUBSCRIPTIONS)
        registry, live_queries = all_clients.gateway.registry, all_clients.gateway.live_queries.registry
        await wait_until(lambda: len(registry) + live_queries.refused > SOCKETS * SUBSCRIPTIONS)
        assert bool(live_queries.refused) is not bool(settings)
        for _ in range(20):
            turns.append(await all_clients.publish())
            all_clients.forget_written()
        longest = max(all_clients.turns, key=lambda each: each.raw_ms)
        assert longest.ms < MAX_TURN_MS
        assert sorted(turns)[len(turns) * 99 // 100] <= MAX_TURNS
        if not reads:
            # They cost nothing any more.
            assert registry.suspended == len(registry) - 1
            assert await all_clients.publish() <= 3
