"""Requests, handshakes and event streams when a gateway leaves, restarts or is gone."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.dashboard.browser import find_chromium
from tests.deploy.nginx import TIMEOUT_S, EchoGateway, nginx_in, render
from tests.gateway.node_client import node_client

pytestmark = pytest.mark.servers


EVENTS = {"accept": "text/event-stream"}
# As urql and Apollo ask for everything.
ANYTHING = {"accept": "application/json, text/event-stream, multipart/mixed"}


@asynccontextmanager
async def socket_through(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, ClientConnection]]:
    """A WebSocket through nginx, and the gateway that it reached."""
    url = f"ws://{client.base_url.host}:{client.base_url.port}/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as websocket:
        await websocket.send("who?")
        yield str(await asyncio.wait_for(websocket.recv(), TIMEOUT_S)), websocket


async def test_a_gateway_that_leaves_costs_no_request_and_no_handshake(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """Its 503 sends GET, POST, event streams and WebSockets to the other gateway."""
    leaving, staying = gateways
    leaving.is_leaving = True
    for _ in range(6):
        for answer in (
            await client.get("/graphql?query=a"),
            await client.get("/graphql?query=a", headers=EVENTS),
            await client.post("/graphql", json={"query": "a"}),
            await client.get("/"),
        ):
            assert answer.status_code == 200
            assert answer.json()["gateway"] == staying.address
        async with socket_through(client) as (reached, _):
            assert reached == staying.address


async def test_a_query_string_reaches_the_gateway_of_an_event_source_unchanged(
    client: httpx.AsyncClient,
) -> None:
    """Escapes included: its requests take a location of their own."""
    query = "/graphql?query=%7B%20a%2Fb%20%7D&variables=%7B%22c%22%3A%22%C3%A9%26%22%7D"
    for headers in (EVENTS, ANYTHING):
        answer = (await client.get(query, headers=headers)).json()
        assert answer["target"] == query
        assert answer["headers"]["host"] == f"{client.base_url.host}:{client.base_url.port}"


async def test_when_all_gateways_leave_their_own_answer_passes(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """With its status, its words and its Retry-After, or its close code."""
    for gateway in gateways:
        gateway.is_leaving = True
    for answer in (
        await client.post("/graphql", json={"query": "a"}),
        await client.get("/graphql?query=a", headers=ANYTHING),
        await client.post("/graphql", json={"query": "a"}, headers=EVENTS),
    ):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "7"
        assert answer.json()["errors"][0]["message"] == "leaving"
    with pytest.raises(ConnectionClosed) as closed:
        async with socket_through(client):
            pass
    assert closed.value.rcvd is not None
    # After a status npm graphql-ws would never come back.
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "leaving")


async def test_a_restarted_gateway_gets_its_share_of_websockets_at_once(tmp_path: Path) -> None:
    """Although it refused connections before, and none of the new ones has ended."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        first, second = EchoGateway(), EchoGateway()
        serving = {each: tasks.create_task(each.serve()) for each in (first, second)}
        port = render(tmp_path, first.address, second.address)
        client = await stack.enter_async_context(nginx_in(tmp_path, port))
        opened = [(await stack.enter_async_context(socket_through(client)))[0] for _ in range(4)]
        assert Counter(opened) == {first.address: 2, second.address: 2}

        second.server.should_exit = True
        await serving[second]
        opened = [(await stack.enter_async_context(socket_through(client)))[0] for _ in range(10)]
        assert Counter(opened) == {first.address: 10}

        restarted = EchoGateway(second.port)
        serving[restarted] = tasks.create_task(restarted.serve())
        opened = [(await stack.enter_async_context(socket_through(client)))[0] for _ in range(12)]
        assert Counter(opened) == {restarted.address: 12}
        assert "no live upstreams" not in (tmp_path / "log").read_text()
        for each in (first, restarted):
            each.server.should_exit = True


async def test_an_event_source_gets_an_empty_stream_instead_of_an_error(tmp_path: Path) -> None:
    """Of 502 and 429 alike: only for clients that read nothing else."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        port = render(
            tmp_path,
            "{}:{}".format(*dead.getsockname()),
            RATEWIRE_NGINX_REQUESTS_PER_SECOND="1",
            RATEWIRE_NGINX_REQUEST_BURST="3",
        )
        async with nginx_in(tmp_path, port) as client:
            asked = {**EVENTS, "origin": "https://elsewhere.example"}
            empty = [await client.get("/graphql?query=a", headers=asked) for _ in range(6)]
            assert (await client.get("/graphql?query=a", headers=ANYTHING)).status_code == 429
    for answer in empty:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["access-control-allow-origin"] == "https://elsewhere.example"
        assert answer.text.startswith("retry: ")
        assert answer.text.endswith("\n\n")
        assert int(answer.text.removeprefix("retry: ")) >= 1000


@pytest.mark.parametrize("trouble", ["gone", "leaving", "limited"])
async def test_the_event_source_of_a_browser_comes_back(tmp_path: Path, trouble: str) -> None:
    """Through 502, 503 and 429, on which it would give up if it saw them."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        gateway = EchoGateway()
        serving = tasks.create_task(gateway.serve())
        limits = {"RATEWIRE_NGINX_REQUESTS_PER_SECOND": "1", "RATEWIRE_NGINX_REQUEST_BURST": "9"}
        port = render(tmp_path, gateway.address, **(limits if trouble == "limited" else {}))
        client = await stack.enter_async_context(nginx_in(tmp_path, port))
        browser = await stack.enter_async_context(
            node_client(
                "eventsource_comes_back.mjs", str(client.base_url), find_chromium(), "/graphql/events"
            )
        )
        assert await browser.line() == {"type": "loaded"}
        if trouble == "gone":
            gateway.server.should_exit = True
            await serving
        elif trouble == "leaving":
            gateway.is_leaving = True
        else:
            while (await client.get("/health/live")).status_code != 429:
                pass

        browser.tell("open")
        # Retried (0), not given up (2).
        assert await browser.line() == {"type": "open"}
        assert await browser.line() == {"type": "error", "state": 0}

        if trouble == "gone":
            gateway = EchoGateway(gateway.port)
            serving = tasks.create_task(gateway.serve())
        gateway.is_leaving = False
        while (event := await browser.line())["type"] != "message":
            assert event in ({"type": "open"}, {"type": "error", "state": 0})
        assert event["data"] == "1"
        gateway.second_event.set()
        gateway.server.should_exit = True


async def test_a_frozen_gateway_is_left_for_another_one(tmp_path: Path) -> None:
    """One that accepts connections and answers nothing, with shorter timeouts than the real."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        frozen = await stack.enter_async_context(await asyncio.start_server(swallow, "127.0.0.1", 0))
        gateway = EchoGateway()
        tasks.create_task(gateway.serve())
        port = render(tmp_path, "{}:{}".format(*frozen.sockets[0].getsockname()), gateway.address)
        config = tmp_path / "conf.d/ratewire.conf"
        text = config.read_text()
        assert text.count("proxy_read_timeout 15s") == text.count("proxy_read_timeout 50s") == 1
        config.write_text(
            text.replace("timeout 15s", "timeout 750ms").replace("timeout 50s", "timeout 2500ms")
        )
        client = await stack.enter_async_context(nginx_in(tmp_path, port))
        for answer in await asyncio.gather(
            *(client.post("/graphql", json={"query": "a"}) for _ in range(4)),
            *(client.get("/graphql?query=a", headers=EVENTS) for _ in range(4)),
        ):
            assert answer.status_code == 200
            assert answer.json()["gateway"] == gateway.address
        for _ in range(2):
            async with socket_through(client) as (reached, _):
                assert reached == gateway.address
        gateway.server.should_exit = True
