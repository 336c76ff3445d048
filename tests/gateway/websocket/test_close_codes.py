"""Each documented close code and handshake status, tried with each client library."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import websockets
from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

from cache.memory import MemoryCache
from tests.e2e.processes import eventually
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import raw_socket

pytestmark = pytest.mark.servers

PAGE = Path(__file__).resolve().parents[3] / "docs/websocket.md"
OF_GRAPHQL_WS = {"graphql-ws", "Apollo", "urql"}
LIBRARIES = OF_GRAPHQL_WS | {"subscriptions-transport-ws"}
# The end of a connection without a close.
PASSING = {1006}
STATUSES = {403, 429, 503}
LIVE = "subscription ($after: String) { rates(after: $after) { kind recovered cursor items { price } } }"


def read_page() -> tuple[set[int], set[int]]:
    """Return the codes after which clients come back, and those that are final."""
    table = PAGE.read_text().partition("## Close codes")[2]
    rows = re.findall(r"^\| (\d{4}) \|.*\| ([^|]+) \|$", table, re.MULTILINE)
    assert len(rows) > 12
    final = {int(code) for code, advice in rows if advice.startswith(("no", "with"))}
    return {int(code) for code, _ in rows} - final - {1000}, final


async def test_every_library_comes_back_after_the_codes_for_trouble_that_passes() -> None:
    """And those on npm graphql-ws after no other, nor after a refused handshake."""
    passing, final = read_page()
    codes = sorted(passing | final | PASSING | STATUSES)
    came_back: dict[str, set[int]] = {library: set() for library in LIBRARIES}
    async with node_client("close_codes.mjs", json.dumps(codes)) as client:
        for _ in range(len(codes) * len(LIBRARIES)):
            line = await client.line()
            if line["returned"]:
                came_back[line["library"]].add(line["code"])
        await client.ends()
    for library in OF_GRAPHQL_WS:
        assert came_back[library] == passing | PASSING, library
    # It has no final codes.
    assert came_back["subscriptions-transport-ws"] == set(codes)


@pytest.mark.parametrize("code", sorted(read_page()[0]))
async def test_gql_comes_back_after_the_codes_for_trouble_that_passes(code: int) -> None:
    """Its session reconnects, and its caller subscribes again, as its documentation shows."""
    connections = 0

    async def serve(socket: websockets.ServerConnection) -> None:
        nonlocal connections
        connections += 1
        number = connections
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_init":
                await socket.send(json.dumps({"type": "connection_ack"}))
            elif message["type"] == "subscribe" and number == 1:
                await socket.close(code, "a reason")
            elif message["type"] == "subscribe":
                result = {"data": {"price": "1"}}
                await socket.send(json.dumps({"type": "next", "id": message["id"], "payload": result}))

    async with websockets.serve(
        serve, "127.0.0.1", 0, subprotocols=[websockets.Subprotocol("graphql-transport-ws")]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        client = Client(transport=WebsocketsTransport(url=f"ws://127.0.0.1:{port}/graphql"))
        session = await client.connect_async(reconnecting=True)  # type: ignore[no-untyped-call]  # not annotated
        try:
            async with asyncio.timeout(60):
                assert await first_result(session) == {"price": "1"}
        finally:
            await client.close_async()  # type: ignore[no-untyped-call]  # not annotated
    assert connections >= 2


async def first_result(session: object) -> object:
    """Subscribe until there is a result."""
    while True:
        try:
            async for result in session.subscribe(gql("subscription { price }")):  # type: ignore[attr-defined]
                return result
        except TransportError:
            # The session reconnects in a task of its own.
            await asyncio.sleep(0.05)


async def test_npm_graphql_ws_outlasts_a_full_gateway(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """At the limit of its address, and of the process: it comes back once there is room."""
    await cache.write([ticker(price="7")])
    for limit in ("max_sockets_per_address", "max_sockets"):
        limits: Any = {limit: 1}
        async with ready_gateway(**limits) as served, AsyncExitStack() as holder:
            await holder.enter_async_context(raw_socket(served.ws))
            async with node_client("graphql_ws_resume.mjs", LIVE, "1", served.ws) as client:
                await wait_until_refused(served)
                await holder.aclose()
                event = await client.line()
                assert (event["kind"], event["items"][0]["price"]) == ("SNAPSHOT", "7")
                assert event["connections"] >= 2
                await client.ends()


async def wait_until_refused(served: Served) -> None:
    """Wait until a socket was sent away at a limit."""
    pattern = re.compile(r'limits_reached_total\{limit="sockets",scope="\w+"\} ([1-9])')

    async def is_refused() -> bool:
        async with served.client() as client:
            return pattern.search((await client.get("/metrics")).text) is not None

    await eventually(is_refused, within_s=60, what="a refused socket")
