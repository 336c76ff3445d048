"""WebSocket clients that people use, as they come."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from websockets import Subprotocol

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.node_client import node_client

RESUMABLE = "subscription ($after: String) { rates(after: $after) { kind recovered cursor items { price } } }"


async def test_npm_graphql_ws_goes_on_at_another_gateway_with_its_cursor(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The client retries at the second gateway and receives exactly what it missed."""
    await cache.write([ticker(price="1")])
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(ready_gateway()) for _ in range(2)]
        client = await stack.enter_async_context(
            node_client("graphql_ws_resume.mjs", RESUMABLE, "4", first.ws, second.ws)
        )
        assert (await client.line())["kind"] == "SNAPSHOT"
        await cache.write([ticker(price="2", sequence=2)])
        assert (await client.line())["items"] == [{"price": "2"}]
        first.stop.set()
        await asyncio.wait_for(asyncio.shield(first.done), 60)
        await cache.write([ticker(price="3", sequence=3)])
        resumed = await client.line()
        if resumed["items"] == []:
            # It was back before the write.
            resumed["items"] = (await client.line())["items"]
        else:
            await cache.write([ticker(price="4", sequence=4)])
            assert (await client.line())["items"] == [{"price": "4"}]
        assert (resumed["kind"], resumed["recovered"]) == ("SNAPSHOT", True)
        assert resumed["items"] == [{"price": "3"}]
        assert resumed["connections"] == 2
        await client.ends()


async def test_npm_graphql_ws_comes_back_with_its_cursor_after_a_stall(
    ready_gateway: ReadyGateway, ticker: BuildTicker
) -> None:
    """It hears 4503, which it does not take for fatal, and what it missed is recovered."""
    copies = " ".join(f"c{n}: items {{ id symbol price observedAt expiresAt }}" for n in range(45))
    document = (
        "subscription ($after: String) "
        f"{{ rates(after: $after) {{ kind recovered cursor conflatedCount items {{ price }} {copies} }} }}"
    )
    cache = MemoryCache()
    await cache.write([ticker(price="1")])
    async with (
        ready_gateway(cache, stall_timeout_s=0.5) as served,
        node_client("graphql_ws_stalled.mjs", served.ws, document) as client,
    ):
        assert (await client.line())["kind"] == "SNAPSHOT"
        newest = 1
        async with asyncio.timeout(60):
            while (await served.facts(lambda _: True))["subscribers"]:
                newest += 1
                await cache.write([ticker(price=str(newest), sequence=newest)])
        client.tell("read on")
        told = 1
        while "closed" not in (event := await client.line()):
            assert event["kind"] == "UPDATE"
            told = event["price"]
        assert event["closed"] == 4503
        assert event["reason"].startswith("stalled")
        resumed = await client.line()
        assert (resumed["kind"], resumed["recovered"]) == ("SNAPSHOT", True)
        # Without a price nothing was missed: all of it was under way when the connection was closed.
        assert (resumed["price"] or told) == newest


async def test_npm_subscriptions_transport_ws_queries_and_subscribes(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """The client of the legacy protocol, with the `ws` of its time."""
    await cache.write([ticker(price="1")])
    query = {"kind": "next", "value": {"data": {"__typename": "Query"}}}
    complete = {"kind": "complete", "value": None}
    async with (
        ready_gateway() as served,
        node_client("subscriptions_transport_ws.mjs", served.ws, "3") as client,
    ):
        assert [await client.line(), await client.line()] == [query, complete]
        for words in ("Syntax Error", "NO/SUCH"):
            error = await client.line()
            assert error["kind"] == "error"
            assert words in error["value"]["message"]
        prices: list[str] = []
        while prices[-1:] != ["3"]:
            event = (await client.line())["value"]["data"]["rates"]
            prices += [item["price"] for item in event["items"]]
            if len(prices) < 3:
                await cache.write([ticker(price=str(len(prices) + 1), sequence=len(prices))])
        assert prices == ["1", "2", "3"]
        assert [await client.line(), await client.line()] == [query, complete]
        await client.ends()


@pytest.mark.parametrize(
    "protocol", [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL, WebsocketsTransport.APOLLO_SUBPROTOCOL]
)
async def test_python_gql_resumes_after_an_error_and_a_disconnect(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, protocol: Subprotocol
) -> None:
    """Over both protocols."""
    await cache.write([ticker(price="1")])
    document = gql(RESUMABLE)
    async with ready_gateway() as served, asyncio.timeout(60):
        async with Client(transport=WebsocketsTransport(url=served.ws, subprotocols=[protocol])) as session:
            with pytest.raises(TransportQueryError) as caught:
                await anext(session.subscribe(gql('subscription { rate(symbol: "NO/SUCH") { price } }')))
            assert caught.value.errors is not None
            assert caught.value.errors[0]["extensions"]["code"] == "UNKNOWN_SYMBOL"
            async with aclosing(session.subscribe(document)) as events:
                cursor = (await anext(events))["rates"]["cursor"]
        await cache.write([ticker(price="2", sequence=2)])
        async with Client(transport=WebsocketsTransport(url=served.ws, subprotocols=[protocol])) as session:
            document.variable_values = {"after": cursor}
            async with aclosing(session.subscribe(document)) as events:
                event = (await anext(events))["rates"]
        assert (event["kind"], event["recovered"], event["items"]) == ("SNAPSHOT", True, [{"price": "2"}])
