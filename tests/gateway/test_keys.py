"""Keys on each transport of a served gateway."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families
from structlog.typing import EventDict

from access.api_key import CreatedKey
from access.authority import KeyAuthority
from access.key_watch import KeyWatch
from access.memory_lease_store import MemoryLeaseStore
from access.plan import PlanLimits
from access.propagation import tell_changes
from access.scope import AccessScope
from cache.memory import MemoryCache
from gateway.budgets.account_registry import Accounts
from gateway.settings import GatewaySettings
from tests.access.key_fakes import LinkedKeys, LinkedNotices, MemoryBus, MemoryKeys
from tests.gateway.fakes import TIMEOUT_S, FakeClock
from tests.gateway.fixture_types import BuildTicker, Served, Serving
from tests.gateway.raw_socket import LEGACY, MODERN, RATES, RawSocket

pytestmark = pytest.mark.servers

QUERY = "{ rates { items { symbol price } } }"
HISTORY_QUERY = '{ candles(symbol: "BTC/USDT", interval: M1, last: 1) { items { id } } }'
LISTED = "https://shop.example"
Headers = dict[str, str]


class Keyed:
    """A served gateway with keys."""

    def __init__(self, served: Served, stored: MemoryKeys, bus: MemoryBus, clock: FakeClock) -> None:
        self.served, self.stored, self._bus, self._clock = served, stored, bus, clock

    def create(self, scopes: Sequence[AccessScope] | None = None, **properties: Any) -> CreatedKey:
        given: dict[str, Any] = {} if scopes is None else {"scopes": scopes}
        return self.stored.create(self._clock(), **given, **properties)

    async def revoke(self, created: CreatedKey) -> None:
        self.stored.revoke(created.key.id, self._clock())
        await tell_changes(LinkedKeys(self.stored), LinkedNotices(self._bus))

    async def ask(self, query: str = QUERY, *, get: bool = False, **headers: str) -> httpx.Response:
        """Ask often enough for the fast path, and return what all answers say."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.served.client(headers=named) as client:
            answers = [
                await (
                    client.get("/graphql", params={"query": query})
                    if get
                    else client.post("/graphql", json={"query": query})
                )
                for _ in range(4)
            ]
        assert {each.status_code for each in answers} == {answers[0].status_code}
        assert {each.text for each in answers} == {answers[0].text}
        assert {each.headers.get("cache-control") for each in answers} == {
            answers[0].headers.get("cache-control")
        }
        return answers[-1]

    @asynccontextmanager
    async def socket(
        self, subprotocol: str = MODERN, headers: Headers | None = None
    ) -> AsyncIterator[RawSocket]:
        async with websockets.connect(
            self.served.ws,
            subprotocols=[websockets.Subprotocol(subprotocol)],
            additional_headers=headers or {},
            proxy=None,
        ) as connection:
            yield RawSocket(connection)


Serve = Callable[..., Any]


@pytest.fixture
def keyed(
    serving: Serving, cache: MemoryCache, clock: FakeClock, ticker: BuildTicker, settings: GatewaySettings
) -> Serve:
    """Serves the cache to holders of keys, and to anybody with `anonymous`.

    Settings by name differ from the defaults.
    """

    @asynccontextmanager
    async def serve(
        *, anonymous: bool = True, accounts: Accounts | None = None, **configured: object
    ) -> AsyncIterator[Keyed]:
        stored, bus = MemoryKeys(), MemoryBus()
        storage = LinkedKeys(stored)
        authority = KeyAuthority(storage, anonymous=anonymous, clock=clock)
        watch = KeyWatch(authority, storage, LinkedNotices(bus), grace_s=60)
        await cache.write([ticker()])
        chosen = GatewaySettings.model_validate({**settings.model_dump(), **configured})
        async with serving(cache, chosen, accounts, authority=authority, key_watch=watch) as served:
            yield Keyed(served, stored, bus, clock)

    return serve


def bearer(created: CreatedKey) -> Headers:
    return {"authorization": f"Bearer {created.text}"}


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and reason of a denied request."""
    (error,) = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error["extensions"].get("reason")


async def test_a_key_counts_in_either_header_and_a_query_needs_none_where_anybody_may(keyed: Serve) -> None:
    """With the same bytes as the answer, on the fast path too."""
    async with keyed() as gateway:
        created = gateway.create()
        anonymous = await gateway.ask()
        assert anonymous.status_code == 200
        for headers in (bearer(created), {"x_api_key": created.text}):
            assert (await gateway.ask(**headers)).content == anonymous.content


async def test_answers_to_holders_of_keys_are_for_them_alone(keyed: Serve) -> None:
    """A shared cache must not give them to others; those to anybody may be shared."""
    async with keyed() as gateway:
        created = gateway.create()
        assert (await gateway.ask(get=True)).headers["cache-control"].startswith("public")
        answer = await gateway.ask(get=True, **bearer(created))
        assert answer.headers["cache-control"].startswith("private")


async def test_without_a_key_nobody_is_let_in_where_that_is_off(keyed: Serve) -> None:
    """But pages, health and metrics are as before."""
    async with keyed(anonymous=False) as gateway:
        created = gateway.create()
        answer = await gateway.ask()
        assert error_of(answer) == (401, "UNAUTHENTICATED", "MISSING")
        assert answer.headers["www-authenticate"] == 'Bearer realm="ratewire"'
        assert error_of(await gateway.ask(get=True)) == (401, "UNAUTHENTICATED", "MISSING")
        assert (await gateway.ask(**bearer(created))).status_code == 200
        async with gateway.served.client() as client:
            for path in ("/", "/health/live", "/health/ready", "/metrics"):
                assert (await client.get(path)).status_code == 200
            page = await client.get("/graphql", headers={"accept": "text/html"})
            assert page.headers["content-type"].startswith("text/html")
            for path in ("/candles?symbol=BTC/USDT&interval=M1", "/udf/config", "/udf/time"):
                assert error_of(await client.get(path)) == (401, "UNAUTHENTICATED", "MISSING")
        async with gateway.socket() as socket:
            await socket.send({"type": "connection_init"})
            assert (await socket.closed())[0] == 4401


async def test_a_key_that_does_not_count_is_refused_even_where_anybody_may(keyed: Serve) -> None:
    """Or its user would not notice that it ended."""
    async with keyed() as gateway:
        created = gateway.create()
        revoked = gateway.create()
        assert (await gateway.ask(**bearer(revoked))).status_code == 200
        await gateway.revoke(revoked)
        foreign = MemoryKeys().create(revoked.key.created_at)
        for text, reason in (
            (foreign.text, "UNKNOWN"),
            (created.text[:-1], "MALFORMED"),
            (revoked.text, "REVOKED"),
        ):
            answer = await gateway.ask(authorization=f"Bearer {text}")
            assert error_of(answer) == (401, "UNAUTHENTICATED", reason)
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
            assert text not in answer.text
        answer = await gateway.ask(x_api_key=foreign.text, **bearer(created))
        assert error_of(answer) == (401, "UNAUTHENTICATED", "AMBIGUOUS")
        # Of a proxy that asks for a password.
        assert (await gateway.ask(authorization="Basic dXNlcjpwYXNz")).status_code == 200


async def test_the_history_needs_its_scope_on_every_way_to_it(keyed: Serve) -> None:
    """On the fast path, on the ordinary one, by an id, in a subscription, in /candles and /udf."""
    async with keyed() as gateway:
        reader = gateway.create([AccessScope.READ])
        historian = gateway.create([AccessScope.HISTORY])
        for query in (
            HISTORY_QUERY,
            '{ rateAt(symbol: "BTC/USDT", at: "2026-01-01T00:00:00Z") { price } }',
            '{ consensusRate(symbol: "BTC/USDT", at: "2026-01-01T00:00:00Z") { price } }',
            'fragment f on Query { stats(symbol: "BTC/USDT") { open } } { ...f }',
        ):
            answer = await gateway.ask(query, **bearer(reader))
            assert error_of(answer) == (403, "FORBIDDEN", "SCOPE")
            assert answer.json()["errors"][0]["extensions"]["scope"] == "history"
            assert 'scope="history"' in answer.headers["www-authenticate"]
            assert (await gateway.ask(query, **bearer(historian))).status_code == 200
        assert error_of(await gateway.ask(**bearer(historian))) == (403, "FORBIDDEN", "SCOPE")
        assert (await gateway.ask("{ __typename }", **bearer(historian))).status_code == 200
        node = '{ node(id: "Candle:BINANCE:BTC/USDT:M1:2026-01-01T00:00:00Z") { id } }'
        (error,) = (await gateway.ask(node, **bearer(reader))).json()["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        async with gateway.served.client(headers=bearer(reader)) as client:
            for path in ("/candles?symbol=BTC/USDT&interval=M1", "/udf/history"):
                assert error_of(await client.get(path)) == (403, "FORBIDDEN", "SCOPE")
            assert (await client.get("/udf/time")).status_code == 200
        async with gateway.socket(headers=bearer(reader)) as socket:
            await socket.init()
            await socket.start("1", 'subscription { candles(symbols: ["BTC/USDT"], interval: M1) { kind } }')
            message = await socket.receive()
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "FORBIDDEN"
            await socket.answers()


@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
@pytest.mark.parametrize(
    "payload",
    [
        {"Authorization": "Bearer KEY"},
        {"authorization": "bearer KEY"},
        {"X-API-Key": "KEY"},
        {"apiKey": "KEY"},
        {"headers": {"Authorization": "Bearer KEY"}},
        None,
    ],
)
async def test_a_socket_is_opened_by_a_key_in_its_payload_or_its_handshake(
    keyed: Serve, subprotocol: str, payload: dict[str, Any] | None
) -> None:
    """As the libraries of clients send it."""
    async with keyed(anonymous=False) as gateway:
        created = gateway.create()
        headers = bearer(created) if payload is None else {}
        async with gateway.socket(subprotocol, headers) as socket:
            text = json.dumps({"type": "connection_init", "payload": payload}).replace("KEY", created.text)
            await socket.send(text)
            assert (await socket.receive())["type"] == "connection_ack"


@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_a_socket_with_a_wrong_key_is_closed_with_4401(keyed: Serve, subprotocol: str) -> None:
    """The older protocol says why in a message before."""
    async with keyed() as gateway:
        foreign = MemoryKeys().create(gateway.create().key.created_at)
        async with gateway.socket(subprotocol) as socket:
            await socket.send(
                {"type": "connection_init", "payload": {"authorization": f"Bearer {foreign.text}"}}
            )
            if subprotocol == LEGACY:
                message = await socket.receive()
                assert message["type"] == "connection_error"
                assert message["payload"]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "UNKNOWN"}
            code, reason = await socket.closed()
            assert code == 4401
            assert reason is not None
            assert foreign.text not in reason


async def test_denied_requests_are_counted_by_plan_and_reason(keyed: Serve) -> None:
    """Once each, on every transport; never by key."""
    async with keyed(anonymous=False) as gateway:
        reader, page = gateway.create([AccessScope.READ]), gateway.create(origins=[LISTED])
        async with gateway.served.client() as client:

            async def denied() -> dict[tuple[str, str], float]:
                text = (await client.get("/metrics")).text
                return {
                    (sample.labels["plan"], sample.labels["reason"]): sample.value
                    for family in text_string_to_metric_families(text)
                    for sample in family.samples
                    if sample.name == "ratewire_denied_requests_total" and sample.value
                }

            assert await denied() == {}
            await client.post("/graphql", json={"query": QUERY})
            await client.get("/candles?symbol=BTC/USDT&interval=M1", headers={"x-api-key": "rw_mistyped"})
            await client.post("/graphql", json={"query": HISTORY_QUERY}, headers=bearer(reader))
            await client.post("/graphql", json={"query": QUERY}, headers=bearer(page))
            expected = {
                ("anonymous", "missing"): 1,
                ("anonymous", "malformed"): 1,
                ("standard", "scope"): 1,
                ("standard", "origin"): 1,
            }
            assert await denied() == expected
            async with gateway.socket() as socket:
                await socket.send({"type": "connection_init"})
                assert (await socket.closed())[0] == 4401
            async with gateway.socket(headers=bearer(reader)) as socket:
                await socket.init()
                await socket.start(
                    "1", 'subscription { trades(symbol: "BTC/USDT", source: BINANCE) { kind } }'
                )
                assert (await socket.receive())["type"] == "error"
            assert await denied() == {
                **expected,
                ("anonymous", "missing"): 2,
                ("standard", "scope"): 2,
            }


async def test_a_key_of_some_pages_is_of_no_use_on_others(keyed: Serve) -> None:
    """Nor without saying where: what is in a page can be copied."""
    async with keyed() as gateway:
        created = gateway.create(origins=[LISTED])
        assert (await gateway.ask(origin=LISTED, **bearer(created))).status_code == 200
        for headers in ({"origin": "https://other.example"}, {}):
            answer = await gateway.ask(**headers, **bearer(created))
            assert error_of(answer) == (403, "FORBIDDEN", "ORIGIN")
        async with gateway.socket(headers=bearer(created)) as socket:
            await socket.send({"type": "connection_init"})
            assert (await socket.closed())[0] == 4403


async def test_revoking_a_key_ends_all_that_is_open_with_it(keyed: Serve) -> None:
    """Sockets with 4403, streams in the middle, and nothing of others; neither is opened again."""
    async with keyed() as gateway:
        ended, stays = gateway.create(), gateway.create()
        async with (
            gateway.socket(headers=bearer(ended)) as modern,
            gateway.socket(LEGACY, headers=bearer(ended)) as legacy,
            gateway.socket(headers=bearer(stays)) as other,
            gateway.socket() as anonymous,
            gateway.served.client(headers=bearer(ended)) as client,
            client.stream(
                "POST", "/graphql", json={"query": RATES}, headers={"accept": "text/event-stream"}
            ) as stream,
        ):
            for socket in (modern, legacy, other, anonymous):
                await socket.init()
                await socket.start("1", RATES)
                assert (await socket.receive())["id"] == "1"
            lines = stream.aiter_lines()
            while not (await anext(lines)).startswith("data"):
                pass
            await gateway.revoke(ended)
            async with asyncio.timeout(TIMEOUT_S):
                assert await modern.closed() == (4403, "the key was revoked")
                assert (await legacy.closed())[0] == 4403
                read = [line async for line in lines]
            assert not any("complete" in line for line in read)
            await other.answers()
            await anonymous.answers()
            metrics = (await client.get("/metrics")).text
        assert 'ratewire_gateway_keyed_connections_ended_total{cause="revoked"} 3.0' in metrics
        assert 'ratewire_gateway_keyed_connections{plan="standard"} 1.0' in metrics
        assert error_of(await gateway.ask(**bearer(ended))) == (401, "UNAUTHENTICATED", "REVOKED")
        async with gateway.socket(headers=bearer(ended)) as socket:
            await socket.send({"type": "connection_init"})
            assert (await socket.closed())[0] == 4401


@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_a_socket_counts_for_its_key_from_its_opening(keyed: Serve, subprotocol: str) -> None:
    """Not for its address, whose plan may allow less.

    Beyond the key's own limit it is closed with 1013.
    """
    limits = {"anonymous": 1, "standard": 2}
    plans = {name: PlanLimits(sockets=limit).named(name) for name, limit in limits.items()}
    async with (
        keyed(accounts=Accounts(MemoryLeaseStore(), plans, grace_s=60)) as gateway,
        AsyncExitStack() as open_sockets,
    ):
        payload = bearer(gateway.create())
        for _ in range(2):
            socket = await open_sockets.enter_async_context(gateway.socket(subprotocol))
            await socket.send({"type": "connection_init", "payload": payload})
            assert await socket.receive() == {"type": "connection_ack"}
        beyond = await open_sockets.enter_async_context(gateway.socket(subprotocol))
        await beyond.send({"type": "connection_init", "payload": payload})
        code, reason = await beyond.closed()
        assert code == 1013
        assert reason is not None
        assert "the limit of your plan (standard)" in reason


async def test_a_socket_ends_when_its_key_expires(keyed: Serve, clock: FakeClock) -> None:
    """Without anybody's doing."""
    async with keyed() as gateway:
        created = gateway.create(expires_at=clock() + timedelta(hours=1))
        async with gateway.socket(headers=bearer(created)) as socket:
            await socket.init()
            clock.advance(3600)
            assert await socket.closed() == (4403, "the key has expired")


async def test_a_reserved_stream_is_opened_by_its_token_once_and_while_its_key_counts(keyed: Serve) -> None:
    """An `EventSource` sends no key. The token opens that stream, and nothing else."""
    async with keyed(anonymous=False) as gateway:
        created = gateway.create()
        events = {"accept": "text/event-stream"}
        async with (
            gateway.served.client(headers=bearer(created)) as holder,
            gateway.served.client() as client,
        ):

            async def status(token: str, **parameters: str) -> int:
                address = httpx.URL("/graphql", params={"token": token, **parameters})
                async with client.stream("GET", address, headers=events) as answer:
                    return int(answer.status_code)

            first, second, third = [(await holder.put("/graphql")).text for _ in range(3)]
            assert await status(first, query="{ __typename }") == 401
            address = httpx.URL("/graphql", params={"token": first})
            async with client.stream("GET", address, headers=events) as stream:
                assert stream.status_code == 200
                assert await status(first) == 401
            assert await status(second.replace(second[-6:], "AAAAAA")) == 401
            posted = await client.post(
                "/graphql", json={"query": QUERY}, headers={"x-graphql-event-stream-token": second}
            )
            assert posted.status_code == 401
            await gateway.revoke(created)
            assert await status(third) == 401


async def test_a_stream_of_many_operations_belongs_to_its_key(keyed: Serve) -> None:
    """It is reserved and opened with it, and ends with it."""
    async with keyed(anonymous=False) as gateway:
        created = gateway.create()
        async with gateway.served.client(headers=bearer(created)) as client:
            token = (await client.put("/graphql")).text
            named = {"x-graphql-event-stream-token": token}
            async with client.stream(
                "GET", "/graphql", headers={**named, "accept": "text/event-stream"}
            ) as stream:
                body = {"query": RATES, "extensions": {"operationId": "1"}}
                assert (await client.post("/graphql", json=body, headers=named)).status_code == 202
                lines = stream.aiter_lines()
                while not (await anext(lines)).startswith("event: next"):
                    pass
                await gateway.revoke(created)
                async with asyncio.timeout(TIMEOUT_S):
                    read = [line async for line in lines]
                assert not any("complete" in line for line in read)


async def test_no_key_is_in_a_log_a_metric_or_an_error(
    keyed: Serve, structured_logs: list[EventDict]
) -> None:
    """Neither of a request that was answered nor of one that was not."""
    async with keyed(anonymous=False) as gateway:
        created, revoked = gateway.create(), gateway.create([AccessScope.READ])
        foreign = MemoryKeys().create(created.key.created_at)
        await gateway.revoke(revoked)
        seen = []
        for each in (created, revoked, foreign):
            seen += [(await gateway.ask(query, **bearer(each))).text for query in (QUERY, HISTORY_QUERY, "{")]
            async with gateway.socket() as socket:
                await socket.send({"type": "connection_init", "payload": {"apiKey": each.text}})
                seen.append(
                    json.dumps(await socket.receive()) if each is created else str(await socket.closed())
                )
        async with gateway.served.client() as client:
            seen += [(await client.get(path)).text for path in ("/metrics", "/health/ready")]
        told = "\n".join([*seen, *map(str, structured_logs)])
        for each in (created, revoked, foreign):
            assert each.text not in told
            assert each.text[-20:] not in told
