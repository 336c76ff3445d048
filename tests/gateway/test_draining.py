"""A gateway that is asked to stop moves its clients away one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets

from access.principal import ANONYMOUS
from cache.memory import MemoryCache
from gateway.client_connections import ClientConnections, Ending
from tests.gateway.fakes import TIMEOUT_S
from tests.gateway.fixture_types import ReadyGateway, Served
from tests.gateway.test_server_sockets import init, open_socket

SUBSCRIPTION = "subscription { rates { kind items { price } } }"
STREAM = {"accept": "text/event-stream"}
PERIOD_S = 0.5


class Recorded:
    """A connection that notes when it is ended."""

    principal = ANONYMOUS

    def __init__(self, number: int, ends: list[tuple[int, float]]) -> None:
        self._number = number
        self._ends = ends

    async def end(self, _ending: Ending) -> None:
        self._ends.append((self._number, asyncio.get_running_loop().time()))


async def test_connections_end_evenly_and_the_oldest_first() -> None:
    """None ends before its share of the period is over."""
    connections = ClientConnections()
    ends: list[tuple[int, float]] = []
    for number in range(10):
        connections.add(Recorded(number, ends))
    began = asyncio.get_running_loop().time()
    await connections.end_all(PERIOD_S)
    assert [number for number, _ in ends] == list(range(10))
    assert all(at - began >= 0.95 * number * PERIOD_S / 10 for number, at in ends)
    assert not len(connections)


async def test_more_connections_than_ticks_end_in_small_groups() -> None:
    """Far from all of them at once."""
    connections = ClientConnections()
    ends: list[tuple[int, float]] = []
    for number in range(1_000):
        connections.add(Recorded(number, ends))
    began = asyncio.get_running_loop().time()
    await connections.end_all(PERIOD_S)
    assert len(ends) == 1_000
    assert ends[500][1] - began >= 0.4 * PERIOD_S


async def test_one_that_ends_by_itself_meanwhile_is_not_ended_again() -> None:
    """And those that come meanwhile end too."""
    connections = ClientConnections()
    ends: list[tuple[int, float]] = []
    first, second, third = (Recorded(number, ends) for number in range(3))
    connections.add(first)
    connections.add(second)
    draining = asyncio.create_task(connections.end_all(PERIOD_S))
    await asyncio.sleep(0)
    connections.discard(second)
    connections.add(third)
    await draining
    assert [number for number, _ in ends] == [0, 2]


@asynccontextmanager
async def sockets(served: Served, count: int) -> AsyncIterator[list[websockets.ClientConnection]]:
    """Subscribed WebSockets."""
    opened: list[websockets.ClientConnection] = []
    for _ in range(count):
        connection = await open_socket(served)
        await init(connection)
        await connection.send(f'{{"type":"subscribe","id":"1","payload":{{"query":"{SUBSCRIPTION}"}}}}')
        assert '"next"' in await connection.recv(decode=True)
        opened.append(connection)
    yield opened
    for connection in opened:
        await connection.close()


async def closed_at(connection: websockets.ClientConnection) -> float:
    async with asyncio.timeout(TIMEOUT_S):
        await connection.wait_closed()
    return asyncio.get_running_loop().time()


async def test_a_drain_turns_not_ready_refuses_connections_and_closes_one_socket_after_the_other(
    ready_gateway: ReadyGateway,
) -> None:
    """Requests on connections that are open are answered, for the last time on that connection."""
    async with (
        ready_gateway(drain_s=2 * PERIOD_S) as served,
        sockets(served, 4) as opened,
        served.client() as client,
    ):
        assert (await client.get("/health/ready")).headers.get("connection") is None
        began = asyncio.get_running_loop().time()
        served.stop.set()
        await closed_at(opened[0])
        facts = await client.get("/health/ready")
        assert (facts.status_code, facts.headers["connection"]) == (503, "close")
        assert (facts.json()["ready"], facts.json()["stopping"]) == (False, True)
        with pytest.raises(httpx.ConnectError):
            await client.get("/health/live")
        ends = [await closed_at(each) for each in opened[1:]]
        assert [each.close_code for each in opened] == [1001] * 4
        assert all(at - began >= number * PERIOD_S / 2 * 0.95 for number, at in enumerate(ends, start=1))
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.shield(served.done)


async def test_requests_under_way_and_known_ones_are_answered_with_connection_close(
    ready_gateway: ReadyGateway,
) -> None:
    """Also where the fast path would answer."""
    query = {"query": "{ __typename }"}
    async with ready_gateway(drain_s=60) as served, sockets(served, 2) as opened, served.client() as client:
        for _ in range(3):
            assert (await client.post("/graphql", json=query)).headers.get("connection") is None
        served.stop.set()
        await closed_at(opened[0])
        answer = await client.post("/graphql", json=query)
        assert (answer.json(), answer.headers["connection"]) == ({"data": {"__typename": "Query"}}, "close")
        await opened[1].close()


async def test_a_request_under_way_is_answered(ready_gateway: ReadyGateway) -> None:
    """Its body arrives after the stop."""
    body = b'{"query":"{ __typename }"}'
    async with ready_gateway(drain_s=60) as served, sockets(served, 2) as opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(served.http).port)
        head = "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n"
        writer.write(head.encode() + body[:10])
        await served.facts()
        served.stop.set()
        await closed_at(opened[0])
        writer.write(body[10:])
        async with asyncio.timeout(TIMEOUT_S):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert answer.endswith(b'{"data":{"__typename":"Query"}}')
        writer.close()
        await opened[1].close()


async def test_a_stream_ends_without_complete_and_closes_its_connection(ready_gateway: ReadyGateway) -> None:
    """A balancer must not send the next request over it."""
    async with ready_gateway(drain_s=PERIOD_S) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(served.http).port)
        query = httpx.QueryParams(query=SUBSCRIPTION)
        writer.write(
            f"GET /graphql?{query} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        async with asyncio.timeout(TIMEOUT_S):
            await reader.readuntil(b"event: next")
            served.stop.set()
            rest = await reader.read()
        assert b"event: complete" not in rest
        assert rest.endswith(b"0\r\n\r\n")
        writer.close()


async def test_at_once_cuts_a_drain_short(ready_gateway: ReadyGateway, cache: MemoryCache) -> None:
    """The sockets that are left hear 1012, which libraries follow by reconnecting too."""
    async with ready_gateway(cache, drain_s=3600) as served, sockets(served, 3) as opened:
        served.stop.set()
        await closed_at(opened[0])
        served.at_once.set()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.shield(served.done)
        for each in opened[1:]:
            await closed_at(each)
        assert [each.close_code for each in opened] == [1001, 1012, 1012]


async def test_the_port_is_open_during_the_notice(ready_gateway: ReadyGateway) -> None:
    """So that a balancer sees that this gateway is not ready before it refuses connections."""
    async with ready_gateway(drain_notice_s=3600) as served, sockets(served, 2) as opened:
        served.stop.set()
        await served.facts(lambda facts: facts["stopping"])
        async with served.client() as client:
            assert (await client.get("/health/ready")).status_code == 503
            assert (await client.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
        assert all(each.state is websockets.State.OPEN for each in opened)
        served.at_once.set()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.shield(served.done)
