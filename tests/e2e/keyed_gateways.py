"""Two gateways over one Redis and one Postgres that demand keys.

And the command line that makes these.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cache.redis_client import open_redis
from instruments.instrument import Instrument
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import parse_symbol
from runtime.free_port import free_port
from tests.e2e.processes import running, running_all

SYMBOL = "BTC/USDT"
WITHIN_S = 60
QUERY = {"query": f'{{ rate(symbol: "{SYMBOL}") {{ price }} }}'}


MODERN, LEGACY = Subprotocol("graphql-transport-ws"), Subprotocol("graphql-ws")
_START = {MODERN: "subscribe", LEGACY: "start"}


class TwoGateways:
    """Two gateways that answer nobody without a key, and the command line."""

    def __init__(self, env: dict[str, str], urls: list[str]) -> None:
        self.env, self.urls = env, urls

    async def keys(self, *arguments: str) -> Any:
        """Run `ratewire keys` and return what it prints."""
        async with running("keys", *arguments, "--json", env=self.env) as command:
            assert await command.ends(within_s=WITHIN_S) == 0, command.text
        # Its log stands before, and a word about a Redis that did not answer in time behind.
        begins = re.search(r"^[\[{]$", command.text, re.MULTILINE)
        assert begins is not None, command.text
        return json.JSONDecoder().raw_decode(command.text, begins.start())[0]

    async def status(self, url: str, text: str) -> int:
        async with httpx.AsyncClient(timeout=WITHIN_S) as client:
            headers = {"authorization": f"Bearer {text}"}
            return (await client.post(f"{url}/graphql", json=QUERY, headers=headers)).status_code

    @asynccontextmanager
    async def subscribed(
        self, url: str, text: str, after: str | None = None, *, protocol: Subprotocol = MODERN
    ) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket with a key and a subscription.

        The key is acknowledged, the first event not read yet.
        """
        async with connect(
            f"{url.replace('http', 'ws')}/graphql", subprotocols=[protocol], proxy=None
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"apiKey": text}}))
            await socket.recv()
            if protocol is LEGACY:
                # A keepalive follows the acknowledgement.
                await socket.recv()
            query = f'subscription ($after: String) {{ rates(symbols: ["{SYMBOL}"], after: $after) {{ kind cursor recovered items {{ price }} }} }}'
            payload = {"query": query, "variables": {"after": after}}
            await socket.send(json.dumps({"type": _START[protocol], "id": "1", "payload": payload}))
            yield socket


@asynccontextmanager
async def two_gateways(redis_url: str, postgres_url: str) -> AsyncIterator[TwoGateways]:
    """Start two gateways over one Redis and one Postgres. Their logs have no key."""
    redis = open_redis(redis_url)
    await redis.flushall()
    await redis.aclose()
    env = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_DATABASE_URL": postgres_url,
        "RATEWIRE_SIMULATED": "true",
        "RATEWIRE_ACCESS_ANONYMOUS": "false",
        "RATEWIRE_GATEWAY_CATALOG_REFRESH_S": "0.2",
    }
    async with running("migrate", env=env) as command:
        assert await command.ends(within_s=WITHIN_S) == 0, command.text
    store = InstrumentStore(postgres_url, simulated=True)
    await store.add([Instrument(Source.BINANCE, parse_symbol(SYMBOL), "BTCUSDT", "Bitcoin")])
    await store.close()
    ports = [free_port(), free_port()]
    commands = {
        f"gateway-{port}": (("gateway",), {**env, "RATEWIRE_GATEWAY_PORT": str(port)}) for port in ports
    }
    async with running_all(commands) as started:
        for command in started.values():
            await command.prints("gateway listening")
        yield TwoGateways(env, [f"http://127.0.0.1:{port}" for port in ports])
        for command in started.values():
            assert "rw_" not in command.text


async def closed(socket: ClientConnection) -> int | None:
    """Return the close code, once it is closed."""
    try:
        while True:
            await socket.recv()
    except websockets.ConnectionClosed:
        return socket.close_code
