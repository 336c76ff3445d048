"""Every transport charges the same budget, and says so in its own way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from cache.memory import MemoryCache
from gateway.budgets.account_registry import Accounts
from gateway.budgets.refusal_pace import RefusalPace
from gateway.http import single_connection
from gateway.preparation import Preparer
from gateway.prepared_operation import PreparedOperation
from gateway.request import GraphQLRequest
from gateway.settings import GatewaySettings
from tests.gateway.fakes import TIMEOUT_S, build_ticker
from tests.gateway.fixture_types import Served, Serving
from tests.gateway.rate_limit_header import read_field

pytestmark = pytest.mark.servers
ONE = '{ rate(symbol: "BTC/USDT") { price } }'
LIVE = 'subscription { rates(symbols: ["BTC/USDT"]) { kind throttled items { price } } }'
THROTTLED = '"extensions":{"throttled":true}'
LIVE_ONE = 'subscription { rate(symbol: "BTC/USDT") { price symbol ageMs } }'
# A slow test finds no points that came back meanwhile.
DAY_S = 86_400
Limited = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture(params=[True, False], ids=["fast path", "no fast path"])
async def limited(request: pytest.FixtureRequest, serving: Serving, cache: MemoryCache) -> Limited:
    """Serves a rate to anonymous clients of a plan with these limits."""
    await cache.write([build_ticker()])

    @asynccontextmanager
    async def serve(**limits: int) -> AsyncIterator[Served]:
        plans = {**SHIPPED_PLANS, "anonymous": PlanLimits.model_validate(limits).named("anonymous")}
        settings = GatewaySettings(
            port=0, catalog_refresh_s=0.02, drain_s=0, shutdown_timeout_s=1, fast_path=request.param
        )
        accounts = Accounts(MemoryLeaseStore(), plans, grace_s=60)
        async with serving(cache, settings, accounts) as served:
            yield served

    return serve


async def spend(client: httpx.AsyncClient, **parts: Any) -> list[httpx.Response]:
    """Ask again and again until refused."""
    answers = []
    for _ in range(200):
        answers.append(await client.post("/graphql", json={"query": ONE, **parts}))
        if answers[-1].status_code != 200:
            break
    return answers


async def test_a_spent_budget_answers_429_with_what_a_client_needs_to_come_back(limited: Limited) -> None:
    """Status, code and details, and header fields that a parser of structured fields reads."""
    async with limited(points=3_000, window_s=600) as served, served.client() as client:
        *answered, refused = await spend(client)
    assert answered
    assert refused.status_code == 429
    (error,) = refused.json()["errors"]
    details = error["extensions"]
    assert details["code"] == "BUDGET_EXHAUSTED"
    assert details["limit"] == 3_000
    assert 0 <= details["remaining"] < details["cost"]
    assert details["resetsAt"].endswith("Z")
    assert int(refused.headers["retry-after"]) == -(-details["retryAfterMs"] // 1000)
    policy, policy_parameters = read_field(refused.headers["ratelimit-policy"])
    assert (policy, policy_parameters) == ("default", {"q": 3_000, "qu": "points", "w": 600})
    name, left = read_field(refused.headers["ratelimit"])
    assert name == "default"
    assert left["r"] == details["remaining"]
    assert 0 < left["t"] <= 600
    name, left = read_field(answered[-1].headers["ratelimit"])
    assert name == "default"
    assert left["r"] >= 0


async def test_an_answer_that_caches_may_keep_tells_nobody_s_budget(limited: Limited) -> None:
    """A GET with `max-age` has no `RateLimit`."""
    async with limited(points=100_000) as served, served.client() as client:
        for _ in range(4):
            answer = await client.get("/graphql", params={"query": ONE})
            assert "max-age" in answer.headers["cache-control"]
            assert "ratelimit" not in answer.headers


async def test_an_unlimited_plan_has_no_header_fields(limited: Limited) -> None:
    """There is nothing to tell."""
    async with limited() as served, served.client() as client:
        for _ in range(4):
            answer = await client.post("/graphql", json={"query": ONE})
            assert "ratelimit" not in answer.headers


async def test_invalid_documents_are_not_free(limited: Limited) -> None:
    """They are parsed and compared with the schema."""
    async with limited(points=6_000, window_s=600) as served, served.client() as client:
        answers = await spend(client, query="{ nothing }")
    assert answers[-1].status_code == 429
    assert len(answers) < 20


async def test_an_operation_that_no_accepted_type_can_answer_is_not_free(limited: Limited) -> None:
    """It was prepared before that was seen."""
    async with limited(points=1_000, window_s=DAY_S) as served, served.client() as client:
        statuses = [(await client.post("/graphql", json={"query": LIVE})).status_code for _ in range(50)]
    assert statuses[0] == 400
    assert statuses[-1] == 429


async def test_a_new_document_costs_what_reading_it_takes(limited: Limited) -> None:
    """One that is asked for again is kept, and costs that no more."""
    async with limited(points=40_000, window_s=DAY_S) as served, served.client() as client:
        for _ in range(40):
            assert (await client.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
        statuses = [
            (await client.post("/graphql", json={"query": f"{{ __typename }} #{number}"})).status_code
            for number in range(60)
        ]
    assert statuses[:20] == [200] * 20
    assert statuses[-1] == 429


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_a_budget_is_told_in_a_stream(limited: Limited, accept: str) -> None:
    """The client of a stream is known, as that of any request."""
    async with limited(points=6_000) as served, served.client() as client:
        query = {"query": "{ budget { plan } }"}
        answer = await client.post("/graphql", json=query, headers={"accept": accept})
    assert '"plan":"anonymous"' in answer.text


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_a_stream_over_http_is_refused_before_it_opens(limited: Limited, accept: str) -> None:
    """It gets a status, as every request."""
    async with limited(points=3_000, window_s=DAY_S) as served, served.client() as client:
        await spend_all(client)
        answer = await client.post("/graphql", json={"query": LIVE}, headers={"accept": accept})
        assert answer.status_code == 429
        assert answer.json()["errors"][0]["extensions"]["code"] == "BUDGET_EXHAUSTED"


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_websocket_stays_open_when_the_budget_is_spent(limited: Limited, subprotocol: str) -> None:
    """The operation fails with the details; the socket goes on."""
    start = "subscribe" if subprotocol == "graphql-transport-ws" else "start"
    async with limited(points=3_000, window_s=DAY_S) as served, served.client() as client:
        await spend_all(client)
        async with dial(served, subprotocol) as socket:
            for number in range(2):
                await socket.send(json.dumps({"id": f"{number}", "type": start, "payload": {"query": LIVE}}))
                error = await _next(socket, "error")
                found = error["payload"][0] if isinstance(error["payload"], list) else error["payload"]
                assert found["extensions"]["code"] == "BUDGET_EXHAUSTED"
                assert found["extensions"]["retryAfterMs"] > 0


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_subscriptions_wait_for_points_that_come_back_soon(
    limited: Limited, subprotocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error would end them: clients do not repeat what failed. Each is prepared once."""
    prepared = 0
    prepare = Preparer.prepare_resolved

    def counted(preparer: Preparer, request: GraphQLRequest, *found: Any, **known: Any) -> PreparedOperation:
        nonlocal prepared
        prepared += request.query == LIVE
        return prepare(preparer, request, *found, **known)

    monkeypatch.setattr(Preparer, "prepare_resolved", counted)
    start, data = ("subscribe", "next") if subprotocol == "graphql-transport-ws" else ("start", "data")
    async with limited(points=20_000, window_s=10) as served, served.client() as client:
        assert (await spend(client))[-1].status_code == 429
        async with dial(served, subprotocol) as socket:
            for number in range(2):
                await socket.send(json.dumps({"id": f"{number}", "type": start, "payload": {"query": LIVE}}))
            started = {(await _next(socket, data))["id"] for _ in range(2)}
    assert started == {"0", "1"}
    assert prepared == 2


async def test_an_operation_on_a_shared_stream_waits_for_points_that_come_back_soon(limited: Limited) -> None:
    """An error would be its result, and its end."""
    async with limited(points=6_000, window_s=10) as served, served.client() as client:
        token = {"x-graphql-event-stream-token": (await client.put("/graphql")).text}
        events = {**token, "accept": "text/event-stream"}
        async with client.stream("GET", "/graphql", headers=events, timeout=TIMEOUT_S) as stream:
            assert (await spend(client))[-1].status_code == 429
            request = {"query": LIVE, "extensions": {"operationId": "1"}}
            assert (await client.post("/graphql", json=request, headers=token)).status_code == 202
            async with asyncio.timeout(TIMEOUT_S):
                data = await anext(
                    line async for line in stream.aiter_lines() if line.startswith('data: {"id"')
                )
    assert json.loads(data.removeprefix("data: "))["payload"]["data"]["rates"]["kind"] == "SNAPSHOT"


async def test_an_operation_on_a_shared_stream_takes_one_slot_of_refusals(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before it is read, because points come back soon, and again when it is charged."""
    taken = 0
    take = RefusalPace.take

    def noted(pace: RefusalPace) -> float:
        nonlocal taken
        taken += 1
        return take(pace)

    # As if there were points enough to read it soon. Those to execute it come back later.
    monkeypatch.setattr(single_connection, "POINTS_WAIT_S", DAY_S)
    async with limited(points=3_000, window_s=DAY_S) as served, served.client() as client:
        token = {"x-graphql-event-stream-token": (await client.put("/graphql")).text}
        events = {**token, "accept": "text/event-stream"}
        async with client.stream("GET", "/graphql", headers=events, timeout=TIMEOUT_S) as stream:
            await spend_all(client)
            monkeypatch.setattr(RefusalPace, "take", noted)
            request = {"query": f"{LIVE} #", "extensions": {"operationId": "1"}}
            assert (await client.post("/graphql", json=request, headers=token)).status_code == 202
            async with asyncio.timeout(TIMEOUT_S):
                data = await anext(
                    line async for line in stream.aiter_lines() if line.startswith('data: {"id"')
                )
    assert "BUDGET_EXHAUSTED" in data
    assert taken == 1


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_spent_budget_of_streams_gives_an_event_a_second_and_says_so(
    limited: Limited, subprotocol: str
) -> None:
    """The first subscription fits, others are throttled, and their results say so."""
    start, data = ("subscribe", "next") if subprotocol == "graphql-transport-ws" else ("start", "data")
    async with limited(points=10**6, stream_points=5) as served, dial(served, subprotocol) as socket:
        results = []
        for number, query in enumerate([LIVE, LIVE, LIVE_ONE]):
            await socket.send(json.dumps({"id": f"{number}", "type": start, "payload": {"query": query}}))
            results.append((await _next(socket, data))["payload"])
    first, second, bare = results
    assert first["data"]["rates"]["throttled"] is False
    assert "extensions" not in first
    assert second["data"]["rates"]["throttled"] is True
    assert second["extensions"] == {"throttled": True}
    assert bare["extensions"] == {"throttled": True}


@pytest.mark.parametrize(
    ("accept", "query"),
    [
        ("text/event-stream", LIVE),
        ("text/event-stream", LIVE_ONE),
        ("multipart/mixed;subscriptionSpec=1.0", LIVE),
    ],
)
async def test_streams_over_http_are_throttled_too(limited: Limited, accept: str, query: str) -> None:
    """The first event of a subscription beyond the budget says so."""
    async with limited(points=10**6, stream_points=1) as served, served.client() as client:
        headers = {"accept": accept}
        async with client.stream("POST", "/graphql", json={"query": query}, headers=headers) as stream:
            async for line in stream.aiter_lines():
                if "price" in line:
                    assert THROTTLED in line
                    break


@pytest.mark.parametrize("query", [LIVE, LIVE_ONE])
@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_throttled_subscription_is_restored_when_the_budget_allows_it(
    limited: Limited, cache: MemoryCache, subprotocol: str, query: str
) -> None:
    """Another one ends; from then on results do not say `throttled`."""
    is_new = subprotocol == "graphql-transport-ws"
    start, data, stop = ("subscribe", "next", "complete") if is_new else ("start", "data", "stop")
    async with limited(points=10**6, stream_points=5) as served, dial(served, subprotocol) as socket:
        for number in range(2):
            await socket.send(json.dumps({"id": f"{number}", "type": start, "payload": {"query": query}}))
            result = (await _next(socket, data))["payload"]
        assert result["extensions"] == {"throttled": True}
        await socket.send(json.dumps({"id": "0", "type": stop}))
        for number in count(1):
            await cache.write([build_ticker(price=str(number), sequence=number + 10)])
            message = await _next(socket, data)
            if message["id"] == "1" and "extensions" not in message["payload"]:
                break
        if query == LIVE:
            assert message["payload"]["data"]["rates"]["throttled"] is False


@pytest.mark.parametrize("accept", ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"])
async def test_streams_over_http_are_restored_too(limited: Limited, accept: str) -> None:
    """The first result after another stream has ended does not say `throttled`."""
    headers = {"accept": accept}

    async def next_result(lines: AsyncIterator[str]) -> str:
        async with asyncio.timeout(TIMEOUT_S):
            return await anext(line async for line in lines if "price" in line)

    async with limited(points=10**6, stream_points=5) as served, served.client() as client:
        first = AsyncExitStack()
        await first.enter_async_context(
            client.stream("POST", "/graphql", json={"query": LIVE}, headers=headers)
        )
        async with client.stream("POST", "/graphql", json={"query": LIVE_ONE}, headers=headers) as second:
            lines = second.aiter_lines()
            assert THROTTLED in await next_result(lines)
            await first.aclose()
            assert THROTTLED not in await next_result(lines)


async def test_a_plan_bounds_sockets_and_subscriptions(limited: Limited) -> None:
    """Beyond it: a socket is closed with 1013, an operation gets an error, a stream 429."""
    async with (
        limited(subscriptions=3, subscriptions_per_socket=2, sockets=1) as served,
        dial(served) as socket,
    ):
        for number in range(3):
            await socket.send(
                json.dumps({"id": f"{number}", "type": "subscribe", "payload": {"query": LIVE}})
            )
        error = await _next(socket, "error")
        assert error["id"] == "2"
        details = error["payload"][0]["extensions"]
        assert details == {"code": "TOO_MANY_SUBSCRIPTIONS", "limit": 2, "scope": "PLAN"}
        async with dial(served) as other:
            await other.wait_closed()
            assert other.close_code == 1013
        async with served.client() as client:
            headers = {"accept": "text/event-stream"}
            refused = await client.post("/graphql", json={"query": LIVE}, headers=headers)
            assert refused.status_code == 429
            assert refused.json()["errors"][0]["extensions"]["scope"] == "PLAN"


async def spend_all(client: httpx.AsyncClient) -> None:
    """Spend what is left after a refusal on cheaper operations, down to a point or two."""
    for query in (ONE, "{ instruments(first: 0) { pageInfo { hasNextPage } } }", "{ __typename }"):
        assert (await spend(client, query=query))[-1].status_code == 429


@asynccontextmanager
async def dial(served: Served, subprotocol: str = "graphql-transport-ws") -> AsyncIterator[ClientConnection]:
    """Open a WebSocket, and begin its protocol."""
    names = [Subprotocol(subprotocol)]
    async with connect(served.ws, subprotocols=names, open_timeout=TIMEOUT_S) as socket:
        with suppress(ConnectionClosed):
            await socket.send('{"type": "connection_init"}')
        yield socket


async def _next(socket: Any, kind: str) -> dict[str, Any]:
    """Return the next message of a type."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message
