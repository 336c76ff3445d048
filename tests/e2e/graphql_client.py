"""A GraphQL client for tests.

Plain HTTP with httpx, subscriptions with the `gql` client, both decoded into typed shapes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypedDict, TypeVar

import httpx
import msgspec
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

from rates.source import Source
from tests.e2e.processes import eventually

RATES = """
query Rates($symbols: [Symbol!], $sources: [SourceId!]) {
  rates(symbols: $symbols, sources: $sources) {
    items { id symbol source { code } price bid ask observedAt ageMs ttlMs freshness simulated }
    unavailable { symbol source { code } reason message }
    cursor
  }
}
"""
LIVE = """
subscription Live($symbols: [Symbol!], $sources: [SourceId!]) {
  rates(symbols: $symbols, sources: $sources) {
    kind conflatedCount sentAt cursor
    items { id symbol source { code } price bid ask observedAt freshness simulated }
  }
}
"""
T = TypeVar("T")


class SourceCode(TypedDict):
    """A source."""

    code: str


class LiveRate(TypedDict):
    """One item of an event of `LIVE`."""

    id: str
    symbol: str
    source: SourceCode
    price: str
    bid: str | None
    ask: str | None
    observedAt: str
    freshness: str
    simulated: bool


class Rate(LiveRate):
    """One item of `RATES`."""

    ageMs: int
    ttlMs: int


class RatesEvent(TypedDict):
    """One event of `LIVE`."""

    kind: str
    conflatedCount: int
    sentAt: str
    cursor: str
    items: list[LiveRate]


class Live(TypedDict):
    """The data of `LIVE`."""

    rates: RatesEvent


class _RateList(TypedDict):
    items: list[Rate]


class _Rates(TypedDict):
    rates: _RateList | None


class _Answer(msgspec.Struct, Generic[T]):
    data: T | None = None
    errors: list[dict[str, object]] = []


async def execute(url: str, query: str, shape: type[T], **variables: object) -> T:
    """The data of the answer to one POST, decoded as `shape`.

    Raises: `httpx.TransportError` without a connection, AssertionError on GraphQL errors.
    """
    answer = await _post(url, query, shape, variables)
    assert answer.data is not None, answer.errors
    assert not answer.errors
    return answer.data


async def _post(url: str, query: str, shape: type[T], variables: dict[str, object]) -> _Answer[T]:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{url}/graphql", json={"query": query, "variables": variables})
    return msgspec.json.decode(answer.content, type=_Answer[shape])  # type: ignore[valid-type] # a type known at run time


async def answered_rates(url: str, **variables: object) -> list[Rate]:
    """The items of `rates`. A gateway that refuses them fails the test, with its errors."""
    found = (await execute(url, RATES, _Rates, **variables))["rates"]
    assert found is not None
    return found["items"]


async def rates(url: str, **variables: object) -> list[Rate] | None:
    """The items of `rates`, or None while the gateway does not answer yet."""
    try:
        answer = await _post(url, RATES, _Rates, variables)
    except (httpx.TransportError, msgspec.DecodeError):
        return None
    return None if answer.data is None or answer.data["rates"] is None else answer.data["rates"]["items"]


async def fresh_from_all(url: str, *, within_s: float = 120) -> None:
    """Wait until every source has published the best known instruments, and all of it is fresh.

    A cursor taken before that cannot prove anything of a source that had published nothing.
    """

    async def all_fresh() -> bool:
        items = await rates(url, symbols=["BTC/USDT", "ETH/USDT", "BTC/USD"]) or ()
        is_fresh = all(item["freshness"] == "FRESH" for item in items)
        return is_fresh and {item["source"]["code"] for item in items} == {source.name for source in Source}

    await eventually(all_fresh, within_s=within_s, what="fresh rates of all sources")


@asynccontextmanager
async def subscribed(
    url: str, document: str, shape: type[T], **variables: object
) -> AsyncIterator[AsyncIterator[T]]:
    """The data of each event of a subscription over graphql-transport-ws, decoded as `shape`."""
    transport = WebsocketsTransport(
        url=f"{url.replace('http', 'ws', 1)}/graphql", subprotocols=["graphql-transport-ws"]
    )
    async with Client(transport=transport, fetch_schema_from_transport=False) as session:
        query = gql(document)
        query.variable_values = variables
        # gql waits ten seconds for a subscription that is still open when its session closes.
        async with aclosing(session.subscribe(query)) as events:
            yield (msgspec.convert(event, shape) async for event in events)


@asynccontextmanager
async def live_rates(url: str, **variables: object) -> AsyncIterator[AsyncIterator[RatesEvent]]:
    """Events of `LIVE`."""
    async with subscribed(url, LIVE, Live, **variables) as events:
        yield (event["rates"] async for event in events)


async def next_event(events: AsyncIterator[T], *, within_s: float = 60) -> T:
    """The next event."""
    async with asyncio.timeout(within_s):
        return await anext(events)
