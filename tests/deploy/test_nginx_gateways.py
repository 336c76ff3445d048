"""The gateway that nginx chooses for a request, and its answer without any."""

import asyncio
import re
import socket
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.deploy.nginx import TIMEOUT_S, EchoGateway, nginx_in, render, write_gateways

pytestmark = pytest.mark.servers


async def test_both_gateways_get_their_share(client: httpx.AsyncClient, gateways: list[EchoGateway]) -> None:
    """Requests are spread over the replicas."""
    seen = {(await client.post("/graphql", json={})).json()["gateway"] for _ in range(8)}
    assert seen == {gateway.address for gateway in gateways}


async def test_websockets_are_spread_evenly(client: httpx.AsyncClient) -> None:
    """Each goes to the gateway with the fewest: twenty split evenly, also after some have left."""
    url = f"ws://{client.base_url.host}:{client.base_url.port}/graphql"

    async def open_socket(stack: AsyncExitStack) -> tuple[str, ClientConnection]:
        websocket = await stack.enter_async_context(
            connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None)
        )
        await websocket.send("who?")
        return str(await asyncio.wait_for(websocket.recv(), TIMEOUT_S)), websocket

    async with AsyncExitStack() as stack:
        opened = [await open_socket(stack) for _ in range(20)]
        assert sorted(Counter(name for name, _ in opened).values()) == [10, 10]
        gone = opened[0][0]
        for name, websocket in opened:
            if name == gone:
                await websocket.close()
        opened = [each for each in opened if each[0] != gone]
        while len(opened) < 20:
            opened.append(await open_socket(stack))
        assert sorted(Counter(name for name, _ in opened).values()) == [10, 10]


async def test_connections_to_gateways_are_kept(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """Successive requests share few connections."""
    for _ in range(20):
        assert (await client.post("/graphql", json={})).status_code == 200
    # Two workers of nginx, and two gateways.
    assert sum(len(each.server.server_state.connections) for each in gateways) <= 4


async def test_all_requests_of_one_stream_reach_the_gateway_of_its_reservation(
    client: httpx.AsyncClient, gateways: list[EchoGateway]
) -> None:
    """By the route at the beginning of the token; a client cannot set it."""
    reached = set()
    for _ in range(20):
        reserved = (await client.put("/graphql", headers={"x-ratewire-stream-route": "mine"})).json()
        route = reserved["headers"]["x-ratewire-stream-route"]
        assert re.fullmatch("[0-9a-f]{32}", route)
        reached.add(reserved["gateway"])
        token = f"{route}.secret"
        header = {"x-graphql-event-stream-token": token}
        answers = [
            await client.get("/graphql", headers={**header, "accept": "text/event-stream"}),
            await client.post("/graphql", json={}, headers=header),
            await client.delete("/graphql?operationId=a", headers=header),
            await client.get(f"/graphql?token={token}", headers={"accept": "text/event-stream"}),
        ]
        assert {answer.json()["gateway"] for answer in answers} == {reserved["gateway"]}
        assert answers[2].json()["target"] == "/graphql?operationId=a"
    assert reached == {gateway.address for gateway in gateways}
    plain = (await client.post("/graphql", json={}, headers={"x-ratewire-stream-route": route})).json()
    assert "x-ratewire-stream-route" not in plain["headers"]


async def test_a_reservation_whose_gateway_is_gone_is_made_at_another_one(tmp_path: Path) -> None:
    """And so are the requests of its stream."""
    gateway = EchoGateway()
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        port = render(tmp_path, "{}:{}".format(*dead.getsockname()), gateway.address)
        async with asyncio.TaskGroup() as tasks, nginx_in(tmp_path, port) as client:
            tasks.create_task(gateway.serve())
            for _ in range(8):
                reserved = (await client.put("/graphql")).json()
                token = f"{reserved['headers']['x-ratewire-stream-route']}.secret"
                header = {"x-graphql-event-stream-token": token}
                answer = (await client.post("/graphql", json={}, headers=header)).json()
                assert (reserved["gateway"], answer["gateway"]) == (gateway.address, gateway.address)
            gateway.server.should_exit = True


@pytest.mark.parametrize(("version", "resolves"), [("1.26.3", False), ("1.27.3", True), ("1.30.0", True)])
def test_a_name_is_followed_by_the_means_that_the_version_has(
    tmp_path: Path, version: str, resolves: bool
) -> None:
    """`resolve` in an upstream needs nginx 1.27.3; an older one would not start."""
    nginx = tmp_path / "nginx"
    nginx.write_text(f'#!/bin/sh\necho "nginx version: nginx/{version} (Debian)" >&2\n')
    nginx.chmod(0o755)
    write_gateways(tmp_path / "gateways.conf", "gateway:8000", nginx=str(nginx))
    text = (tmp_path / "gateways.conf").read_text()
    assert ("server gateway:8000 resolve" in text) is resolves
    assert ("least_conn;" in text) is resolves
    assert ('default "gateway:8000"' in text) is not resolves


async def test_a_dead_gateway_costs_no_request(tmp_path: Path, gateways: list[EchoGateway]) -> None:
    """A POST whose connection a replica refuses goes to the other one."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        refusing = "{}:{}".format(*dead.getsockname())
        port = render(tmp_path, refusing, gateways[0].address)
        async with nginx_in(tmp_path, port) as client:
            answers = [await client.post("/graphql", json={}) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}


async def test_no_gateway_at_all_is_an_error_that_graphql_clients_read(tmp_path: Path) -> None:
    """Status 503, a GraphQL error and Retry-After."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        port = render(tmp_path, "{}:{}".format(*dead.getsockname()))
        async with nginx_in(tmp_path, port) as client:
            answer = await client.post("/graphql", json={})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
