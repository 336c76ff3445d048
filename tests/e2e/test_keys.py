"""Keys of the command line on two gateways with real Redis and Postgres."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
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
from tests.gateway.gateway_processes import Writer

pytestmark = pytest.mark.servers

SYMBOL = "BTC/USDT"
WITHIN_S = 60
QUERY = {"query": f'{{ rate(symbol: "{SYMBOL}") {{ price }} }}'}


class TwoGateways:
    """Two gateways that answer nobody without a key, and the command line."""

    def __init__(self, env: dict[str, str], urls: list[str]) -> None:
        self.env, self.urls = env, urls

    async def keys(self, *arguments: str) -> Any:
        """Run `ratewire keys` and return what it prints."""
        async with running("keys", *arguments, "--json", env=self.env) as command:
            assert await command.ends(within_s=WITHIN_S) == 0, command.text
        # Its log stands before.
        begins = re.search(r"^[\[{]$", command.text, re.MULTILINE)
        assert begins is not None, command.text
        return json.loads(command.text[begins.start() :])

    async def status(self, url: str, text: str) -> int:
        async with httpx.AsyncClient(timeout=WITHIN_S) as client:
            headers = {"authorization": f"Bearer {text}"}
            return (await client.post(f"{url}/graphql", json=QUERY, headers=headers)).status_code

    @asynccontextmanager
    async def subscribed(
        self, url: str, text: str, after: str | None = None
    ) -> AsyncIterator[ClientConnection]:
        async with connect(
            f"{url.replace('http', 'ws')}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"apiKey": text}}))
            await socket.recv()
            query = f'subscription ($after: String) {{ rates(symbols: ["{SYMBOL}"], after: $after) {{ kind cursor recovered items {{ price }} }} }}'
            payload = {"query": query, "variables": {"after": after}}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
            yield socket


@pytest.fixture
async def gateways(redis_url: str, postgres_url: str) -> AsyncIterator[TwoGateways]:
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
            await command.prints("gateway listening", within_s=WITHIN_S)
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


async def test_a_revoked_key_ends_on_both_gateways(gateways: TwoGateways) -> None:
    """Its sockets are closed, and it is let in nowhere; other keys go on."""
    ended, stays = [await gateways.keys("create", name) for name in ("ended", "stays")]
    first, second = gateways.urls
    async with (
        gateways.subscribed(first, ended["key"]) as one,
        gateways.subscribed(second, ended["key"]) as two,
        gateways.subscribed(first, stays["key"]) as other,
    ):
        for socket in (one, two, other):
            assert json.loads(await socket.recv())["type"] == "next"
        ends = asyncio.gather(closed(one), closed(two))
        revoked = await gateways.keys("revoke", ended["id"])
        assert revoked["state"] == "revoked"
        async with asyncio.timeout(WITHIN_S):
            assert set(await ends) == {4403}
        await (await other.ping())
    for url in gateways.urls:
        assert await gateways.status(url, ended["key"]) == 401
        assert await gateways.status(url, stays["key"]) == 200
        with pytest.raises(websockets.ConnectionClosed) as refused:
            async with gateways.subscribed(url, ended["key"]):
                pass
        assert refused.value.rcvd is not None
        assert refused.value.rcvd.code == 4401
    actions = await gateways.keys("audit")
    assert [each["action"] for each in actions][:1] == ["revoke"]
    assert ended["key"][-20:] not in json.dumps(actions)


async def test_a_rotation_loses_no_event(gateways: TwoGateways, redis_url: str) -> None:
    """A client that comes back with the new text, at the other gateway, gets each value once."""
    created = await gateways.keys("create", "rotated")
    first, second = gateways.urls
    prices: list[int] = []
    async with asyncio.timeout(WITHIN_S), Writer(redis_url) as writer:
        async with gateways.subscribed(first, created["key"]) as socket:
            event = json.loads(await socket.recv())["payload"]["data"]["rates"]
            cursor = event["cursor"]
            rotated = await gateways.keys("rotate", created["id"], "--overlap", "3s")
            assert rotated["id"] == created["id"]
            await writer.write({SYMBOL: 1})
            try:
                while True:
                    message = json.loads(await socket.recv())
                    if message["type"] == "next":
                        event = message["payload"]["data"]["rates"]
                        cursor = event["cursor"]
                        prices += [int(item["price"]) for item in event["items"]]
            except websockets.ConnectionClosed:
                assert socket.close_code == 4403
        await writer.write({SYMBOL: 2})
        async with gateways.subscribed(second, rotated["key"], cursor) as socket:
            event = json.loads(await socket.recv())["payload"]["data"]["rates"]
            assert event["recovered"] is True
            prices += [int(item["price"]) for item in event["items"]]
            await writer.write({SYMBOL: 3})
            event = json.loads(await socket.recv())["payload"]["data"]["rates"]
            prices += [int(item["price"]) for item in event["items"]]
    assert prices == [1, 2, 3]
    assert await gateways.status(second, created["key"]) == 401
    assert await gateways.status(second, rotated["key"]) == 200
