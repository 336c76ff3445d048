"""The single connection mode of graphql-sse: reservations, operations, bounds, client."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from cache.memory import MemoryCache
from gateway.operations import Operations
from gateway.prepared_operation import PreparedOperation
from gateway.request import GraphQLRequest
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served
from tests.gateway.node_client import node_client
from tests.json_types import Json

TIMEOUT_S = 60
HEADER = "x-graphql-event-stream-token"
EVENTS = {"accept": "text/event-stream"}
QUERY = '{ rate(symbol: "BTC/USDT") { price } }'
LIVE = "subscription { rates { kind items { price } } }"


@asynccontextmanager
async def reserved(served: Served) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """A client with the token of a stream that is not open."""
    async with served.client() as client:
        answer = await client.put("/graphql")
        assert answer.status_code == 201
        assert answer.headers["content-type"].startswith("text/plain")
        yield client, {HEADER: answer.text}


async def execute(
    client: httpx.AsyncClient, token: dict[str, str], operation: object, query: str = QUERY
) -> httpx.Response:
    """Send an operation with an id."""
    request = {"query": query, "extensions": {"operationId": operation}}
    answer: httpx.Response = await client.post("/graphql", json=request, headers=token)
    return answer


class Events:
    """The events of an open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def take(self) -> tuple[str, Json]:
        """Return the name and data of the next event."""
        name = ""
        async with asyncio.timeout(TIMEOUT_S):
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    return name, json.loads(line.removeprefix("data: "))
        raise AssertionError("the stream ended")


@asynccontextmanager
async def opened(client: httpx.AsyncClient, token: dict[str, str]) -> AsyncIterator[Events]:
    async with client.stream("GET", "/graphql", headers={**EVENTS, **token}) as response:
        assert response.status_code == 200
        yield Events(response)


async def test_operations_share_one_stream(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Each result has the id of its operation, each operation an end; a rejection is a result."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        reserved(served) as (client, token),
        opened(client, token) as events,
    ):
        assert (await execute(client, token, "a")).status_code == 202
        assert await events.take() == ("next", {"id": "a", "payload": {"data": {"rate": {"price": "1"}}}})
        assert await events.take() == ("complete", {"id": "a"})
        for query, code in (
            ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
            ("{", "GRAPHQL_PARSE_FAILED"),
            ('subscription { rate(symbol: "NO/SUCH") { price } }', "UNKNOWN_SYMBOL"),
        ):
            assert (await execute(client, token, "b", query)).status_code == 202
            name, data = await events.take()
            assert (name, data["id"]) == ("next", "b")
            assert data["payload"]["errors"][0]["extensions"]["code"] == code
            assert await events.take() == ("complete", {"id": "b"})
        for operation in ("c", "d"):
            assert (await execute(client, token, operation, LIVE)).status_code == 202
            name, data = await events.take()
            assert (name, data["id"]) == ("next", operation)
            assert data["payload"]["data"]["rates"]["kind"] == "SNAPSHOT"
        await cache.write([ticker(price="2", sequence=2)])
        moved = [await events.take() for _ in range(2)]
        assert {data["id"] for _, data in moved} == {"c", "d"}
        for _ in range(2):
            stopped = await client.delete("/graphql", params={"operationId": "c"}, headers=token)
            assert stopped.status_code == 200
        await served.facts(lambda seen: seen["subscribers"] == 1)
        await cache.write([ticker(price="3", sequence=3)])
        assert (await events.take())[1]["id"] == "d"
    async with served.client():
        pass


async def test_operations_of_a_stream_are_prepared_in_their_turn(
    ready_gateway: ReadyGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on every transport. One whose stream ends meanwhile is not added to it."""
    is_waiting, may_go = asyncio.Event(), asyncio.Event()
    prepare_in_turn = Operations.prepare_in_turn

    async def wait_and_prepare(self: Operations, request: GraphQLRequest, *_: object) -> PreparedOperation:
        is_waiting.set()
        await may_go.wait()
        return await prepare_in_turn(self, request)

    monkeypatch.setattr(Operations, "prepare_in_turn", wait_and_prepare)
    async with ready_gateway() as served, reserved(served) as (client, token), asyncio.timeout(TIMEOUT_S):
        async with opened(client, token):
            late = asyncio.create_task(execute(client, token, "a"))
            await is_waiting.wait()
        while (
            await client.delete("/graphql", params={"operationId": "a"}, headers=token)
        ).status_code == 200:
            pass
        may_go.set()
        assert (await late).status_code == 404


async def test_operations_may_come_before_their_stream(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """They start when it is opened, which may be done by a GET without headers."""
    await cache.write([ticker(price="1")])
    async with ready_gateway() as served, reserved(served) as (client, token):
        assert (await execute(client, token, "a")).status_code == 202
        assert (await execute(client, token, "b", LIVE)).status_code == 202
        await client.delete("/graphql", params={"operationId": "b"}, headers=token)
        parameters = {"token": token[HEADER]}
        async with client.stream("GET", "/graphql", params=parameters, headers=EVENTS) as response:
            events = Events(response)
            assert (await events.take())[1]["payload"] == {"data": {"rate": {"price": "1"}}}
            answer = await client.get(
                "/graphql",
                params={**parameters, "query": QUERY, "extensions": json.dumps({"operationId": "c"})},
            )
            assert answer.status_code == 202
            assert await events.take() == ("complete", {"id": "a"})
            assert (await events.take())[1]["id"] == "c"


async def test_what_has_no_stream_or_no_id_is_refused(ready_gateway: ReadyGateway) -> None:
    """In words, and with the status of the reference server."""
    async with (
        ready_gateway() as served,
        reserved(served) as (client, token),
        opened(client, token),
    ):
        wrong = {HEADER: "0" * 32 + ".x"}
        assert (await execute(client, wrong, "a")).status_code == 404
        assert (await client.get("/graphql", headers={**EVENTS, **wrong})).status_code == 404
        assert (
            await client.delete("/graphql", params={"operationId": "a"}, headers=wrong)
        ).status_code == 404
        assert (await client.delete("/graphql", params={"operationId": "a"})).status_code == 400
        assert (await client.delete("/graphql", headers=token)).status_code == 400
        for operation in (None, "", 5, "x" * 300):
            refused = await execute(client, token, operation)
            assert (refused.status_code, "operationId" in refused.text) == (400, True)
        assert (await client.get("/graphql", headers={**EVENTS, **token})).status_code == 409
        assert (await execute(client, token, "a", LIVE)).status_code == 202
        assert (await execute(client, token, "a", LIVE)).status_code == 409
        assert (await client.post("/graphql", content=b"{", headers=token)).status_code == 415


async def test_a_known_request_with_a_token_goes_to_its_stream(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Equal bytes without a token are answered by the request cache, and at once."""
    await cache.write([ticker(price="1")])
    async with (
        ready_gateway(fast_path=True) as served,
        reserved(served) as (client, token),
        opened(client, token) as events,
    ):
        for _ in range(3):
            for _ in range(3):
                assert (await execute(client, {}, "a")).json() == {"data": {"rate": {"price": "1"}}}
            assert (await execute(client, token, "a")).status_code == 202
            assert (await events.take())[1] == {"id": "a", "payload": {"data": {"rate": {"price": "1"}}}}
            assert (await events.take())[0] == "complete"
            parameters = {"token": token[HEADER]}
            request = {"query": QUERY, "extensions": {"operationId": "a"}}
            answer = await client.post("/graphql", json=request, params=parameters)
            assert answer.status_code == 202
            await events.take(), await events.take()


async def test_a_stream_that_ends_takes_its_operations_with_it(ready_gateway: ReadyGateway) -> None:
    """And its token; the address may open another one."""
    async with ready_gateway(max_sockets_per_address=1) as served, served.client() as client:
        token = {HEADER: (await client.put("/graphql")).text}
        refused = await client.put("/graphql")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_SOCKETS"
        async with opened(client, token) as events:
            await execute(client, token, "a", LIVE)
            await events.take()
            await served.facts(lambda seen: seen["subscribers"] == 1)
        await served.facts(lambda seen: seen["subscribers"] == 0)
        assert (await execute(client, token, "a")).status_code == 404
        assert (await client.put("/graphql")).status_code == 201


async def test_operations_of_a_stream_and_of_an_address_are_limited(ready_gateway: ReadyGateway) -> None:
    """As those of a WebSocket; one that ends makes room."""
    async with (
        ready_gateway(max_subscriptions=3, max_subscriptions_per_address=2) as served,
        reserved(served) as (client, token),
        opened(client, token) as events,
    ):
        for operation in ("a", "b"):
            assert (await execute(client, token, operation, LIVE)).status_code == 202
            await events.take()
        refused = await execute(client, token, "c", LIVE)
        assert refused.status_code == 429
        assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await client.delete("/graphql", params={"operationId": "a"}, headers=token)
        assert (await execute(client, token, "c", LIVE)).status_code == 202
        await events.take()
        waiting = await client.put("/graphql")
        other = {HEADER: waiting.text}
        for number in range(3):
            assert (await execute(client, other, str(number))).status_code == 202
        assert (await execute(client, other, "3")).status_code == 429


async def test_a_stream_shows_that_it_lives_and_ends_with_the_server(ready_gateway: ReadyGateway) -> None:
    """Without an end of its operations, so that the client comes back."""
    async with (
        ready_gateway(stream_heartbeat_s=0.05) as served,
        reserved(served) as (client, token),
        client.stream("GET", "/graphql", headers={**EVENTS, **token}) as response,
    ):
        pieces = response.aiter_text()
        text = ""
        while text.count("\n:\n") < 3:
            text += await anext(pieces)
        await execute(client, token, "a", "subscription { sources { state } }")
        served.stop.set()
        async with asyncio.timeout(TIMEOUT_S):
            text += "".join([piece async for piece in pieces])
        assert "complete" not in text


async def test_several_processes_on_one_port_have_no_such_streams(ready_gateway: ReadyGateway) -> None:
    """The requests of one stream would reach different ones."""
    async with ready_gateway(workers=2) as served, served.client() as client:
        answer = await client.put("/graphql")
        assert answer.status_code == 501
        assert "several processes" in answer.json()["errors"][0]["message"]


async def test_npm_graphql_sse_with_one_connection(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """One stream for all operations; it stops them with DELETE."""
    await cache.write([ticker(price="1", sequence=1)])
    async with (
        ready_gateway() as served,
        node_client("single.mjs", f"{served.http}/graphql", QUERY, "{ nope }", LIVE, "2", "3") as client,
    ):
        assert await client.line() == {"kind": "query", "result": {"data": {"rate": {"price": "1"}}}}
        refused = await client.line()
        assert refused["result"]["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        kinds = [(await client.line())["kind"] for _ in range(2)]
        assert sorted(kinds) == ["first", "second"]
        await cache.write([ticker(price="2", sequence=2)])
        kinds = [(await client.line())["kind"] for _ in range(2)]
        assert sorted(kinds) == ["first", "second"]
        await served.facts(lambda seen: seen["subscribers"] == 1)
        await cache.write([ticker(price="3", sequence=3)])
        assert (await client.line())["kind"] == "second"
        requests = (await client.line())["result"]
        assert sorted(requests) == sorted(
            [["PUT", 201], ["GET", 200], *([["POST", 202]] * 4), *([["DELETE", 200]] * 2)]
        )
        await client.ends()
