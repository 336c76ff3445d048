"""Libraries of clients with keys and identifiers of documents, as they come."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from websockets.exceptions import ConnectionClosed

from tests.access.key_fakes import MemoryKeys
from tests.dashboard.browser import find_chromium
from tests.gateway.fakes import NOON
from tests.gateway.node_client import node_client
from tests.gateway.raw_socket import RATES
from tests.gateway.test_keys import QUERY, Keyed, Serve, keyed

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
# Those that can send an identifier without a text.
NAMING = ("graphql-ws", "graphql-sse", "graphql-sse single")


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


async def test_libraries_name_their_documents_on_every_transport(keyed: Serve, tmp_path: Path) -> None:
    """By either form of an identifier, with a key, where only a manifest's are executed."""
    async with node_client("named.mjs") as node:
        texts = await node.line()
    documents = {sha256(text.encode()).hexdigest(): text for text in texts}
    (tmp_path / "manifest.json").write_text(json.dumps(documents))
    async with keyed(anonymous=False, trusted_documents="only", trusted_documents_folder=tmp_path) as gateway:
        seen = await _named(gateway, "ids")
    forms = {f"{name} {form}" for name in NAMING for form in ("documentId", "hash")}
    assert set(seen) == {*forms, "apollo multipart", "urql events", "urql graphql-ws"}
    for name, line in seen.items():
        assert line["seen"] == {"kind": "SNAPSHOT"}, name
        assert line["hasText"] is False, name


async def test_libraries_may_send_an_identifier_beside_the_document(keyed: Serve) -> None:
    """Those of WebSockets that always send the text."""
    async with keyed(anonymous=False) as gateway:
        seen = await _named(gateway, "texts")
    old = "subscriptions-transport-ws"
    assert set(seen) == {"apollo graphql-ws", f"{old} documentId", f"{old} extensions"}
    for name, line in seen.items():
        assert line["seen"] == {"kind": "SNAPSHOT"}, name
        assert line["hasText"] is True, name


async def _named(gateway: Keyed, mode: str) -> dict[str, Any]:
    """Return what each library printed, by its name."""
    seen = {}
    arguments = (f"{gateway.served.http}/graphql", gateway.create().text, mode)
    async with node_client("named.mjs", *arguments) as node:
        async for line in node.lines():
            seen[line["client"]] = line
    return seen


async def test_an_eventsource_opens_the_stream_that_a_page_reserved_with_its_key(keyed: Serve) -> None:
    """It cannot send the key itself. Its operations are documents or identifiers of them."""
    chromium = find_chromium()
    document_id = f"sha256:{sha256(RATES.encode()).hexdigest()}"
    bodies = [{"query": RATES, "documentId": document_id}, {"documentId": document_id}]
    async with keyed(anonymous=False) as gateway:
        created, foreign = gateway.create(), MemoryKeys().create(NOON)
        arguments = ("2", *map(json.dumps, bodies))
        url = gateway.served.http
        async with node_client("eventsource_keyed.mjs", url, chromium, created.text, *arguments) as page:
            lines = [line async for line in page.lines()]
        assert lines[0] == {"type": "reserved", "status": 201}
        assert {line["status"] for line in lines if line["type"] == "accepted"} == {202}
        results = [line for line in lines if line["type"] == "next"]
        assert {each["id"] for each in results} == {"0", "1"}
        assert all(each["payload"]["data"]["rates"]["kind"] == "SNAPSHOT" for each in results)
        async with node_client("eventsource_keyed.mjs", url, chromium, foreign.text, *arguments) as page:
            assert await page.line() == {"type": "reserved", "status": 401}
