"""GraphQL as users speak it: plain HTTP with httpx, subscriptions with the `gql` client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

from rates.source import Source
from tests.e2e.processes import eventually

RATES = """
query Rates($symbols: [Symbol!], $sources: [Source!]) {
  rates(symbols: $symbols, sources: $sources) {
    items { id symbol source price bid ask observedAt ageMs ttlMs freshness simulated }
    unavailable { symbol source reason message }
    cursor
  }
}
"""
LIVE = """
subscription Live($symbols: [Symbol!], $sources: [Source!]) {
  rates(symbols: $symbols, sources: $sources) {
    kind conflated sentAt cursor
    items { id symbol source price bid ask observedAt freshness simulated }
  }
}
"""


async def ask(url: str, query: str, **variables: object) -> dict[str, Any]:
    """The whole GraphQL answer to one POST; connection failures raise `httpx.TransportError`."""
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{url}/graphql", json={"query": query, "variables": variables})
        return dict(answer.json())


async def rates(url: str, **variables: object) -> list[dict[str, Any]] | None:
    """The items of `rates`, or None while the gateway does not answer yet."""
    try:
        answer = await ask(url, RATES, **variables)
    except (httpx.TransportError, ValueError):
        return None
    data = answer.get("data")
    return None if data is None else list(data["rates"]["items"])


async def fresh_from_all(url: str, *, within_s: float = 30) -> None:
    """Wait until every source has published the best known instruments, and all of it is fresh.

    A cursor taken before that cannot prove anything of a source that had published nothing.
    """

    async def all_fresh() -> bool:
        items = await rates(url, symbols=["BTC/USDT", "ETH/USDT", "BTC/USD"]) or ()
        is_fresh = all(item["freshness"] == "FRESH" for item in items)
        return is_fresh and {item["source"] for item in items} == {source.name for source in Source}

    await eventually(all_fresh, within_s=within_s, what="fresh rates of all sources")


@asynccontextmanager
async def subscribed(
    url: str, document: str = LIVE, **variables: object
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Events of a subscription over graphql-transport-ws."""
    transport = WebsocketsTransport(
        url=f"{url.replace('http', 'ws', 1)}/graphql", subprotocols=["graphql-transport-ws"]
    )
    async with Client(transport=transport, fetch_schema_from_transport=False) as session:
        query = gql(document)
        query.variable_values = variables
        # gql waits ten seconds for a subscription that is still open when its session closes.
        async with aclosing(session.subscribe(query)) as events:
            yield events


async def next_event(events: AsyncIterator[dict[str, Any]], *, within_s: float = 15) -> dict[str, Any]:
    """The next event's data, under the subscription's field."""
    async with asyncio.timeout(within_s):
        data = await anext(events)
    return dict(next(iter(data.values())))
