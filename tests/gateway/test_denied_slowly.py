"""Requests without an account of their own are refused at the pace of their address."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.budgets import refusal_pace
from tests.access.key_fakes import MemoryKeys
from tests.gateway.fakes import NOON, TIMEOUT_S
from tests.gateway.raw_socket import LEGACY, MODERN
from tests.gateway.test_keys import QUERY, Keyed, Serve, bearer, keyed

__all__ = ["keyed"]

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
def one_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slots of refusals lie so far apart that the second one is never reached."""
    monkeypatch.setattr(refusal_pace, "PER_S", 1 / 86_400)
    monkeypatch.setattr(refusal_pace, "MOST_PAUSE_S", 10 * 86_400)


@pytest.fixture
def free_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first slot is free at once, however long the machine has been up."""
    begin = refusal_pace.RefusalPace.__init__

    def with_a_free_slot(pace: refusal_pace.RefusalPace) -> None:
        begin(pace)
        pace._last_s = -86_400.0

    monkeypatch.setattr(refusal_pace.RefusalPace, "__init__", with_a_free_slot)


async def is_answered(gateway: Keyed, waiting: "asyncio.Task[object]") -> bool:
    """Whether a request is answered before a later one with a key that counts."""
    headers = bearer(gateway.create())
    async with gateway.served.client(headers=headers) as client:
        for _ in range(20):
            assert (await client.post("/graphql", json={"query": QUERY})).status_code == 200
    return waiting.done()


async def test_wrong_keys_over_http_are_refused_slowly(keyed: Serve, free_slot: None) -> None:
    """On GraphQL and on plain HTTP; a key that counts is served meanwhile."""
    foreign = MemoryKeys().create(NOON)
    async with keyed() as gateway, gateway.served.client(headers=bearer(foreign)) as client:
        assert (await client.post("/graphql", json={"query": QUERY})).status_code == 401
        for path in ("/graphql?query={__typename}", "/udf/time"):
            waiting = asyncio.create_task(client.get(path))
            assert not await is_answered(gateway, waiting)
            waiting.cancel()
            await asyncio.wait([waiting])


@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_wrong_keys_of_sockets_are_refused_slowly(
    keyed: Serve, free_slot: None, subprotocol: str
) -> None:
    """The first is closed at once, others wait."""
    init = json.dumps({"type": "connection_init", "payload": bearer(MemoryKeys().create(NOON))})
    async with keyed() as gateway, AsyncExitStack() as stack:

        async def try_key() -> ClientConnection:
            socket = await stack.enter_async_context(
                connect(gateway.served.ws, subprotocols=[Subprotocol(subprotocol)], proxy=None)
            )
            await socket.send(init)
            return socket

        first = await try_key()
        async with asyncio.timeout(TIMEOUT_S):
            await first.wait_closed()
        assert first.close_code == 4401
        waiting = asyncio.create_task((await try_key()).wait_closed())
        assert not await is_answered(gateway, waiting)
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_handshakes_beyond_the_limit_of_an_address_are_ended_slowly(
    keyed: Serve, free_slot: None
) -> None:
    """The first at once, others at the pace of their address."""
    async with keyed(max_sockets_per_address=1) as gateway, AsyncExitStack() as stack:

        async def dial() -> ClientConnection:
            options = {"subprotocols": [Subprotocol(MODERN)], "proxy": None, "open_timeout": None}
            return await connect(gateway.served.ws, **options)  # type: ignore[arg-type]

        await stack.enter_async_context(await dial())
        first = await stack.enter_async_context(await dial())
        async with asyncio.timeout(TIMEOUT_S):
            await first.wait_closed()
        assert first.close_code == 1013
        waiting = asyncio.create_task(dial())
        assert not await is_answered(gateway, waiting)
        waiting.cancel()
        await asyncio.wait([waiting])
