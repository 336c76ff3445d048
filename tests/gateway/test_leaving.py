"""A gateway that cannot reach Redis for too long sends its clients away, and comes back."""

import asyncio
import json
import re

import httpx
import pytest
import websockets
from structlog.typing import EventDict

from cache.ports import Snapshot
from gateway.settings import GatewaySettings
from rates.source import Source
from tests.gateway.fakes import NOON, FakeClock, ScriptedFeed
from tests.gateway.fixture_types import BuildTicker, Served, Serving, Until
from tests.gateway.raw_socket import LEGACY, MODERN, raw_socket

pytestmark = pytest.mark.servers

QUERY = '{ rate(symbol: "BTC/USDT") { price ageMs } }'
LIVE = "subscription { rates { kind items { price } } }"
# Handshakes need no more than this; a socket that is never closed fails the test.
TIMEOUT_S = 60


async def post(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": QUERY}, headers=headers)


async def lose(feed: ScriptedFeed, served: Served) -> None:
    """Cut the gateway off from its cache, and wait until it has noticed."""
    feed.is_away = True
    feed.lose()
    await served.facts(lambda facts: not facts["cache"]["connected"])


@pytest.fixture
def feed(scripted_feed: ScriptedFeed, ticker: BuildTicker) -> ScriptedFeed:
    """A cache with one rate."""
    scripted_feed.snapshots[Source.BINANCE] = Snapshot(Source.BINANCE, "e", 1, (ticker(price="7"),), ())
    return scripted_feed


async def test_requests_are_answered_honestly_up_to_the_bound_and_refused_beyond_it(
    serving: Serving, feed: ScriptedFeed, clock: FakeClock, structured_logs: list[EventDict]
) -> None:
    """It serves again once everything is loaded, and not before."""
    bound = GatewaySettings().unready_after_s
    async with serving(feed) as served, served.client() as client:
        # Twice: the second is answered on the fast path.
        for _ in range(2):
            assert (await post(client)).json()["data"]["rate"] == {"price": "7", "ageMs": 0}
        await lose(feed, served)
        clock.advance(bound)
        assert (await post(client)).json()["data"]["rate"] == {"price": "7", "ageMs": bound * 1000}

        clock.advance(1)
        facts = await served.facts(lambda facts: facts["leaving"])
        assert not facts["ready"]
        for refused in (
            await post(client),
            await client.get("/graphql", params={"query": QUERY}),
            await client.post("/graphql", json={"query": "{ never_seen_before }"}),
            await client.post("/graphql", json={"query": LIVE}, headers={"accept": "text/event-stream"}),
            await client.get(
                "/graphql",
                params={"query": LIVE},
                headers={"accept": "text/event-stream", "x-ratewire-event-source-status": "1"},
            ),
        ):
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            (error,) = refused.json()["errors"]
            assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert (await client.get("/health/live")).status_code == 200
        assert "ratewire_gateway_leaving 1.0" in (await client.get("/metrics")).text

        feed.gate.clear()
        feed.is_away = False
        begun = feed.snapshots_begun
        async with asyncio.timeout(TIMEOUT_S):
            while feed.snapshots_begun == begun:
                assert (await post(client)).status_code == 503
        assert (await post(client)).status_code == 503
        feed.gate.set()
        await served.facts(lambda facts: not facts["leaving"])
        assert (await post(client)).json()["data"]["rate"]["price"] == "7"
    told = [
        each["event"]
        for each in structured_logs
        if each["event"].startswith(("gateway leaves", "gateway is"))
    ]
    assert told == ["gateway leaves", "gateway is back"]


@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_a_websocket_is_told_once_and_its_next_handshake_refused(
    serving: Serving, feed: ScriptedFeed, clock: FakeClock, subprotocol: str
) -> None:
    """By 1013, final in no library, or by 503 to nginx, which tries another gateway."""
    async with serving(feed) as served:
        async with (
            raw_socket(served.ws, subprotocol) as client,
            raw_socket(served.ws, subprotocol, init=False) as idle,
        ):
            await client.start("1", LIVE)
            assert (await client.receive())["payload"]["data"]["rates"]["kind"] == "SNAPSHOT"
            await lose(feed, served)
            await client.start("2", QUERY)
            seen = await client.receive()
            assert seen["payload"]["data"]["rate"]["price"] == "7"
            clock.advance(GatewaySettings().unready_after_s + 1)
            for each in (client, idle):
                code, reason = await each.closed()
                assert code == 1013
                assert reason
        async with raw_socket(served.ws, subprotocol, init=False) as late:
            assert (await late.closed())[0] == 1013
        behind_nginx = {"x-ratewire-handshake-status": "1"}
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with raw_socket(served.ws, subprotocol, additional_headers=behind_nginx):
                pass
        response = refused.value.response
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1
        assert response.body is not None
        assert json.loads(response.body)["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        feed.is_away = False
        await served.facts(lambda facts: not facts["leaving"])
        async with raw_socket(served.ws, subprotocol) as client:
            await client.start("1", LIVE)
            assert (await client.receive())["payload"]["data"]["rates"]["kind"] == "SNAPSHOT"


async def test_streams_end_as_interrupted(
    serving: Serving, feed: ScriptedFeed, clock: FakeClock, until: Until
) -> None:
    """Without `complete` an EventSource comes back; multipart has an error in its last part."""
    accepts = ("text/event-stream", 'multipart/mixed;subscriptionSpec="1.0"')
    texts = dict.fromkeys(accepts, "")
    async with serving(feed) as served, served.client() as client:

        async def read(accept: str) -> None:
            async with client.stream(
                "POST", "/graphql", json={"query": LIVE}, headers={"accept": accept}
            ) as response:
                async for text in response.aiter_text():
                    texts[accept] += text

        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as tasks:
            for each in accepts:
                tasks.create_task(read(each))
            await until(lambda: all("SNAPSHOT" in text for text in texts.values()))
            await lose(feed, served)
            clock.advance(GatewaySettings().unready_after_s + 1)
    events, parts = texts.values()
    assert "complete" not in events
    assert "SERVICE_UNAVAILABLE" in parts
    assert parts.endswith("--graphql--\r\n")


async def test_an_event_source_without_a_proxy_gets_an_empty_stream(
    serving: Serving, feed: ScriptedFeed, clock: FakeClock
) -> None:
    """A browser gives up at 503. Clients that accept JSON as well read the status."""
    async with serving(feed) as served, served.client() as client:
        await lose(feed, served)
        clock.advance(GatewaySettings().unready_after_s + 1)
        await served.facts(lambda facts: facts["leaving"])

        async def ask(accept: str) -> httpx.Response:
            return await client.get("/graphql", params={"query": LIVE}, headers={"accept": accept})

        empty = await ask("text/event-stream")
        assert empty.status_code == 200
        assert empty.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert empty.headers["cache-control"] == "no-store"
        assert re.fullmatch(r"retry: \d+\n\n", empty.text)
        assert (await ask("application/json, text/event-stream")).status_code == 503
        assert (await ask("text/event-stream, */*;q=0.1")).status_code == 503


async def test_a_gateway_that_leaves_stops_when_asked(
    serving: Serving, feed: ScriptedFeed, clock: FakeClock
) -> None:
    """As any other."""
    async with serving(feed) as served, raw_socket(served.ws) as client:
        await client.start("1", LIVE)
        await lose(feed, served)
        clock.advance(GatewaySettings().unready_after_s + 1)
        await served.facts(lambda facts: facts["leaving"])
        served.stop.set()
        async with asyncio.timeout(TIMEOUT_S):
            await served.done
    assert clock() > NOON
