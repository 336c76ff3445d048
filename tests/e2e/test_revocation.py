"""The time until a revocation counts on two gateways, on every transport that stays open."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from access.key_store import KeyStore
from instruments.store import InstrumentStore
from tests.e2e.keyed_gateways import LEGACY, MODERN, SYMBOL, WITHIN_S, TwoGateways, closed, two_gateways
from tests.gateway.gateway_processes import Writer

pytestmark = pytest.mark.servers

# Of the contract: "all sockets closed within a second on all gateways".
BOUND_S = 1.0
# From the commit to the end that the client sees, a revocation waits as often for a process that is ready to run: the reading of the
# commit here, the gateway's look at Redis or at the database, its close frame, and the handshake that answers it.
HOPS = 4
STREAM = {"query": f'subscription {{ rates(symbols: ["{SYMBOL}"]) {{ kind }} }}'}
ACCEPTED = ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0")


class Machine:
    """The time that the test's processes need at worst for what a quiet machine does at once.

    A price that is written to Redis passes Redis, a gateway and this process. Each price counts until it, or a newer one, arrives, so
    no stop of any of them is missed. The reading of a key passes Postgres.
    """

    def __init__(self) -> None:
        self.slowest_s = 0.0
        self._written: dict[int, float] = {}

    def note(self, since: float) -> None:
        self.slowest_s = max(self.slowest_s, time.monotonic() - since)

    async def write_prices(self, writer: Writer) -> None:
        """Write one price after the other until cancelled."""
        price = 0
        while True:
            price += 1
            self._written[price] = time.monotonic()
            await writer.write({SYMBOL: price})
            await asyncio.sleep(0.02)

    async def read_prices(self, socket: ClientConnection) -> None:
        """Note how long each price took, until cancelled."""
        seen = 0
        while True:
            message = json.loads(await socket.recv())
            if message["type"] != "next":
                continue
            for item in message["payload"]["data"]["rates"]["items"]:
                price = int(item["price"])
                if seen and price > seen:
                    self.note(self._written[seen + 1])
                seen = max(seen, price)

    async def watch_commit(self, keys: KeyStore, key_id: str) -> float:
        """Return the last time at which the key was not revoked yet."""
        before = time.monotonic()
        while True:
            began = time.monotonic()
            key = await keys.find(key_id)
            self.note(began)
            if key is None or key.revoked_at is not None:
                return before
            before = began
            await asyncio.sleep(0.005)


@pytest.fixture
async def gateways(redis_url: str, postgres_url: str) -> AsyncIterator[TwoGateways]:
    async with two_gateways(redis_url, postgres_url) as started:
        yield started


async def note_end(ends: dict[str, float], name: str, ended: Awaitable[Any]) -> None:
    """Note when a connection ended."""
    await ended
    ends[name] = time.monotonic()


async def read_on(lines: AsyncIterator[str]) -> None:
    """Read a stream to its end."""
    async for _ in lines:
        pass


async def open_all(
    gateways: TwoGateways, text: str, opened: AsyncExitStack
) -> dict[str, ClientConnection | AsyncIterator[str]]:
    """Open a subscription on every transport of both gateways, and read its first event."""
    bearer = {"authorization": f"Bearer {text}"}
    client = await opened.enter_async_context(httpx.AsyncClient(timeout=WITHIN_S, headers=bearer))
    found: dict[str, ClientConnection | AsyncIterator[str]] = {}
    for number, url in enumerate(gateways.urls):
        for protocol in (MODERN, LEGACY):
            socket = await opened.enter_async_context(gateways.subscribed(url, text, protocol=protocol))
            await socket.recv()
            found[f"{number} {protocol}"] = socket
        for accept in ACCEPTED:
            request = client.stream("POST", f"{url}/graphql", json=STREAM, headers={"accept": accept})
            response = await opened.enter_async_context(request)
            assert response.status_code == 200
            lines = response.aiter_lines()
            while "kind" not in await anext(lines):
                pass
            found[f"{number} {accept.partition(';')[0]}"] = lines
    return found


async def refused_with(gateways: TwoGateways, url: str, text: str, protocol: Subprotocol) -> int | None:
    """Return the code with which a WebSocket of a key that does not count is closed."""
    try:
        async with gateways.subscribed(url, text, protocol=protocol) as socket:
            return await closed(socket)
    except websockets.ConnectionClosed as exc:
        return None if exc.rcvd is None else exc.rcvd.code


async def test_every_connection_of_a_revoked_key_ends_within_a_second(
    gateways: TwoGateways, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On both gateways, from its commit on; none of them lets the key in again.

    What the machine adds is measured at the same time on the same ways, and added to the bound.
    """
    ended, stays = [await gateways.keys("create", name) for name in ("ended", "stays")]
    ends: dict[str, float] = {}
    machine = Machine()
    async with AsyncExitStack() as opened, asyncio.timeout(3 * WITHIN_S):
        connections = await open_all(gateways, ended["key"], opened)
        others = [
            await opened.enter_async_context(gateways.subscribed(url, stays["key"])) for url in gateways.urls
        ]
        writer = await opened.enter_async_context(Writer(redis_url))
        store = InstrumentStore(gateways.env["RATEWIRE_DATABASE_URL"], simulated=True)
        opened.push_async_callback(store.close)
        measures = [asyncio.create_task(machine.write_prices(writer))]
        measures += [asyncio.create_task(machine.read_prices(other)) for other in others]
        async with asyncio.TaskGroup() as tasks:
            for name, each in connections.items():
                end = closed(each) if isinstance(each, ClientConnection) else read_on(each)
                tasks.create_task(note_end(ends, name, end))
            commit = tasks.create_task(machine.watch_commit(KeyStore(store), ended["id"]))
            await gateways.keys("revoke", ended["id"])
        for measure in measures:
            assert not measure.done(), measure
            measure.cancel()
        sockets = [each for each in connections.values() if isinstance(each, ClientConnection)]
        assert {socket.close_code for socket in sockets} == {4403}
    for url in gateways.urls:
        assert await gateways.status(url, ended["key"]) == 401
        assert await gateways.status(url, stays["key"]) == 200
        for protocol in (MODERN, LEGACY):
            assert await refused_with(gateways, url, ended["key"], protocol) == 4401
    delays = {name: round(at - commit.result(), 3) for name, at in sorted(ends.items())}
    with capsys.disabled():
        print(f"\nrevoked: ended after {delays} s; the machine needs {machine.slowest_s:.3f} s")  # noqa: T201 - the figures of the run
    assert max(delays.values()) <= BOUND_S + HOPS * machine.slowest_s
