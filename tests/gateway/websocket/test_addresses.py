"""The addresses of WebSockets, with the clients of both subprotocols."""

import pytest

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import LEGACY, MODERN, SOURCES, raw_socket

LIVE = "subscription ($after: String) { rates(after: $after) { kind recovered cursor items { price } } }"


@pytest.mark.parametrize("subprotocol", [MODERN, LEGACY])
async def test_a_slash_behind_the_address_changes_nothing(
    ready_gateway: ReadyGateway, subprotocol: str
) -> None:
    """In either subprotocol, with an origin and without one."""
    async with ready_gateway(allowed_origins=["https://dash.example"]) as served:
        for headers in ({}, {"origin": "https://dash.example"}):
            async with raw_socket(f"{served.ws}/", subprotocol, additional_headers=headers) as client:
                await client.start("1", SOURCES)
                assert (await client.receive())["payload"]["data"]["sources"]


async def test_npm_graphql_ws_takes_either_address(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """As people copy it."""
    await cache.write([ticker(price="7")])
    async with ready_gateway() as served:
        for url in (served.ws, f"{served.ws}/"):
            async with node_client("graphql_ws_resume.mjs", LIVE, "1", url) as client:
                event = await client.line()
                assert (event["kind"], event["items"][0]["price"]) == ("SNAPSHOT", "7")
                await client.ends()
