"""Libraries of clients with keys, as they come."""

import asyncio
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed

from tests.access.key_fakes import MemoryKeys
from tests.gateway.fakes import NOON
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import RATES
from tests.gateway.test_keys import QUERY, Serve, keyed

__all__ = ["keyed"]

pytestmark = pytest.mark.servers

LIVE_TRANSPORTS = {
    "apollo multipart",
    "apollo graphql-ws",
    "graphql-ws",
    "urql events",
    "graphql-sse",
    "subscriptions-transport-ws",
}


async def test_libraries_of_javascript_use_keys_on_every_transport(keyed: Serve) -> None:
    """And each tells its caller why another key is refused; none tries again for ever."""
    async with keyed(anonymous=False) as gateway:
        created, foreign = gateway.create(), MemoryKeys().create(NOON)
        seen: dict[tuple[str, bool], Any] = {}
        async with node_client(
            "keyed.mjs", f"{gateway.served.http}/graphql", created.text, foreign.text
        ) as node:
            while len(seen) < 2 * (len(LIVE_TRANSPORTS) + 2):
                line = await node.line()
                seen[line["client"], line["counts"]] = line
        assert {client for client, _ in seen} == {"apollo", "urql", *LIVE_TRANSPORTS}
        for client in LIVE_TRANSPORTS:
            assert seen[client, True]["kind"] == "SNAPSHOT"
        for client in ("apollo", "urql"):
            assert seen[client, True]["price"]
            assert seen[client, False].get("status", 401) == 401
        assert seen["apollo", False]["code"] == "UNAUTHENTICATED"
        assert seen["graphql-ws", False]["closed"] == 4401
        assert "4401" in seen["apollo graphql-ws", False]["message"]
        assert seen["subscriptions-transport-ws", False]["code"] == "UNAUTHENTICATED"
        assert all("kind" not in seen[client, False] for client in LIVE_TRANSPORTS)


async def test_gql_uses_keys_in_headers_and_in_its_payload(keyed: Serve) -> None:
    """It raises the refusal of another key."""
    async with keyed(anonymous=False) as gateway:
        created, foreign = gateway.create(), MemoryKeys().create(NOON)
        url = f"{gateway.served.http}/graphql"
        for text in (created.text, foreign.text):
            headers = {"Authorization": f"Bearer {text}"}
            async with asyncio.timeout(20):
                if text is created.text:
                    async with Client(transport=HTTPXAsyncTransport(url=url, headers=headers)) as session:
                        assert (await session.execute(gql(QUERY)))["rates"]["items"]
                    transport = WebsocketsTransport(url=gateway.served.ws, init_payload=headers)
                    async with Client(transport=transport) as session:
                        async for event in session.subscribe(gql(RATES)):
                            assert event["rates"]["kind"] == "SNAPSHOT"
                            break
                else:
                    with pytest.raises(TransportQueryError, match="no key has this text"):
                        async with Client(transport=HTTPXAsyncTransport(url=url, headers=headers)) as session:
                            await session.execute(gql(QUERY))
                    refused = Client(
                        transport=WebsocketsTransport(url=gateway.served.ws, init_payload=headers)
                    )
                    with pytest.raises((TransportConnectionFailed, ConnectionClosed)):
                        await refused.connect_async()  # type: ignore[no-untyped-call]  # not annotated
