"""A gateway whose Redis is a black hole, beside one whose Redis is fine, behind nginx."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

from drill.distributed.nginx import start_nginx
from drill.distributed.relay import cuttable
from instruments.instrument import Instrument
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import parse_symbol
from runtime.free_port import free_port
from tests.backends import start_redis
from tests.dashboard.browser import find_chromium
from tests.e2e.processes import Command, eventually, running
from tests.gateway.gateway_processes import Writer
from tests.gateway.node_client import node_client

pytestmark = pytest.mark.servers

WITHIN_S = 60
WORKERS = 2
SYMBOL = "BTC/USDT"
LIVE = f'subscription {{ rates(symbols: ["{SYMBOL}"]) {{ kind items {{ price }} }} }}'
QUERY = f'{{ rate(symbol: "{SYMBOL}") {{ price }} }}'
LIBRARIES = {
    "graphql-ws",
    "subscriptions-transport-ws",
    "graphql-sse",
    "apollo",
    "apollo multipart",
    "EventSource",
    "gql",
}


class Audience:
    """The last price that each client has seen, and each end that its library took for final."""

    def __init__(self) -> None:
        self.prices: dict[str, int] = {}
        self.ends: list[object] = []

    async def watch_libraries(self, url: str) -> None:
        """Run the libraries of JavaScript."""
        async with node_client("moved.mjs", url, LIVE, find_chromium()) as node:
            while True:
                # They are silent while they are away, for longer than a line may take.
                with suppress(TimeoutError):
                    line = await node.line()
                    if "price" in line:
                        self.prices[line["client"]] = int(line["price"])
                    else:
                        self.ends.append(line)

    async def watch_gql(self, url: str) -> None:
        """Run gql as its documentation shows: the session reconnects, the caller subscribes again."""
        client = Client(transport=WebsocketsTransport(url=f"{url.replace('http', 'ws')}/graphql"))
        session = await client.connect_async(reconnecting=True)  # type: ignore[no-untyped-call]  # not annotated
        try:
            while True:
                with suppress(TransportError):
                    async for result in session.subscribe(gql(LIVE)):
                        if items := result["rates"]["items"]:
                            self.prices["gql"] = int(items[0]["price"])
                await asyncio.sleep(0.1)
        finally:
            await client.close_async()  # type: ignore[no-untyped-call]  # not annotated

    async def all_see(self, price: int) -> bool:
        return self.prices.keys() == LIBRARIES and min(self.prices.values()) >= price


async def has_printed(command: Command, text: str, times: int) -> bool:
    return command.text.count(text) >= times


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Audience]:
    """One client of each library."""
    audience = Audience()
    tasks = [asyncio.create_task(audience.watch_libraries(url)), asyncio.create_task(audience.watch_gql(url))]
    try:
        yield audience
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_every_client_library_moves_to_the_gateway_that_can_answer(tmp_path: Path) -> None:
    """The other one, which has the fewest connections, refuses everything, and comes back."""
    with start_redis() as redis:
        redis_port = urlsplit(redis.url).port
        assert redis_port is not None
        ports = [free_port(), free_port()]
        env = {
            "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/instruments.db",
            "RATEWIRE_SIMULATED": "true",
            "RATEWIRE_GATEWAY_UNREADY_AFTER_S": "1",
        }
        await migrate(env["RATEWIRE_DATABASE_URL"])
        store = InstrumentStore(env["RATEWIRE_DATABASE_URL"])
        await store.add([Instrument(Source.BINANCE, parse_symbol(SYMBOL), "BTCUSDT", "Bitcoin")])
        await store.close()
        async with cuttable(redis_port) as relay, Writer(redis.url) as writer:
            through = f"redis://127.0.0.1:{relay.own_port}/0"
            first = {**env, "RATEWIRE_REDIS_URL": through, "RATEWIRE_GATEWAY_PORT": str(ports[0])}
            second = {**env, "RATEWIRE_REDIS_URL": redis.url, "RATEWIRE_GATEWAY_PORT": str(ports[1])}
            await writer.write({SYMBOL: 1})
            with start_nginx(ports) as nginx:
                async with (
                    running("gateway", "--workers", str(WORKERS), env=first) as leaving,
                    httpx.AsyncClient(timeout=WITHIN_S, trust_env=False) as client,
                ):
                    await leaving.prints("gateway listening", within_s=WITHIN_S)
                    async with watching(nginx.url) as audience:
                        await eventually(
                            lambda: audience.all_see(1),
                            within_s=WITHIN_S,
                            what=f"all clients; {audience.ends}",
                        )
                        async with running("gateway", env=second) as staying:
                            await staying.prints("gateway listening", within_s=WITHIN_S)
                            relay.blackhole()
                            await writer.write({SYMBOL: 2})
                            await eventually(
                                partial(has_printed, leaving, "gateway leaves", WORKERS),
                                within_s=WITHIN_S,
                                what="both workers leave",
                            )
                            await eventually(
                                lambda: audience.all_see(2),
                                within_s=WITHIN_S,
                                what=f"all clients elsewhere: {audience.prices}, {audience.ends}",
                            )
                            assert audience.ends == []

                            for _ in range(20):
                                answer = await client.post(f"{nginx.url}/graphql", json={"query": QUERY})
                                assert answer.json() == {"data": {"rate": {"price": "2"}}}
                            direct = f"http://127.0.0.1:{ports[0]}"
                            refused = await client.post(f"{direct}/graphql", json={"query": QUERY})
                            assert refused.status_code == 503
                            assert json.loads(refused.text)["errors"]
                            assert (await client.get(f"{direct}/health/ready")).status_code == 503

                            relay.restore()
                            await eventually(
                                partial(has_printed, leaving, "gateway is back", WORKERS),
                                within_s=WITHIN_S,
                                what="both workers are back",
                            )
                            assert (await client.get(f"{direct}/health/ready")).status_code == 200
                            answer = await client.post(f"{direct}/graphql", json={"query": QUERY})
                            assert answer.json() == {"data": {"rate": {"price": "2"}}}
