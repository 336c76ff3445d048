"""GraphQL client of the drill: queries over HTTP, subscriptions over graphql-transport-ws."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypedDict, cast

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

TIMEOUT_S = 10.0
PROTOCOL = Subprotocol("graphql-transport-ws")


class SourceItem(TypedDict):
    """The source of a rate."""

    code: str


class GraphQLFailed(Exception):
    """The gateway violated its contract."""


def open_client(url: str, *, timeout_s: float = TIMEOUT_S) -> httpx.AsyncClient:
    """Create a client to reuse: each costs 20 ms of CPU, a tenth of a core at five a second.

    No connection is kept alive: one that the server closes at that moment would look like an outage.
    """
    return httpx.AsyncClient(
        base_url=url,
        timeout=timeout_s,
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,  # on this machine: never through a proxy
    )


async def ask(
    client: httpx.AsyncClient, query: str, variables: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return the data of a query.

    Raises:
        GraphQLFailed: an error, or no data.
    """
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    body: dict[str, object] = answer.json()
    if body.get("data") is None or "errors" in body:
        raise GraphQLFailed(f"seen {answer.text[:300]}, expected data")
    return cast(dict[str, object], body["data"])


@asynccontextmanager
async def subscribed(
    url: str,
    query: str,
    variables: Mapping[str, object] | None = None,
    *,
    ping_interval_s: float | None = 20.0,
    open_timeout_s: float | None = TIMEOUT_S,
) -> AsyncIterator[AsyncIterator[dict[str, object]]]:
    """Iterate over the data of a subscription's events.

    None for both times is a client that, like a browser, sends no pings of its own and waits for a handshake without end.
    """
    address = url.replace("http", "ws", 1) + "/graphql"
    async with connect(
        address,
        subprotocols=[PROTOCOL],
        max_size=None,
        close_timeout=1,
        proxy=None,
        ping_interval=ping_interval_s,
        open_timeout=open_timeout_s,
    ) as socket:

        async def events() -> AsyncIterator[dict[str, object]]:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    await socket.send('{"type":"pong"}')
                elif message["type"] == "next":
                    payload = message["payload"]
                    if payload.get("data") is None or "errors" in payload:
                        raise GraphQLFailed(f"seen {text[:300]!r}, expected data")
                    yield payload["data"]
                elif message["type"] in ("error", "complete"):
                    raise GraphQLFailed(f"seen {text[:300]!r}, expected events")

        await socket.send('{"type":"connection_init"}')
        await socket.send(
            json.dumps(
                {
                    "id": "1",
                    "type": "subscribe",
                    "payload": {"query": query, "variables": dict(variables or {})},
                }
            )
        )
        yield events()
