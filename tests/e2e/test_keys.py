"""Keys of the command line on two gateways with real Redis and Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import websockets

from tests.e2e.keyed_gateways import SYMBOL, WITHIN_S, TwoGateways, closed, two_gateways
from tests.gateway.gateway_processes import Writer

pytestmark = pytest.mark.servers


@pytest.fixture
async def gateways(redis_url: str, postgres_url: str) -> AsyncIterator[TwoGateways]:
    async with two_gateways(redis_url, postgres_url) as started:
        yield started


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
