"""Requests that come again are not read again, and go past FastAPI's front: nobody can tell."""

import asyncio

import httpx
import pytest

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.gateway.raw_socket import TIMEOUT_S
from tests.json_types import Json, JsonObject

QUERY = "query ($symbol: Symbol!) { rate(symbol: $symbol) { id price } }"


@pytest.mark.parametrize("fast_path", [True, False])
async def test_the_same_bytes_get_the_present_answer_each_time(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker, fast_path: bool
) -> None:
    """The cache holds requests, never responses."""
    async with (
        ready_gateway(fast_path=fast_path) as served,
        served.client() as client,
    ):

        async def ask(method: str) -> Json:
            parameters = {"query": QUERY, "variables": '{"symbol":"BTC/USDT"}'}
            if method == "GET":
                return (await client.get("/graphql", params=parameters)).json()
            asked = {"query": QUERY, "variables": {"symbol": "BTC/USDT"}}
            return (await client.post("/graphql", json=asked)).json()

        for method in ("POST", "GET"):
            assert (await ask(method))["errors"][0]["extensions"]["code"] == "SOURCE_DOWN"
        for sequence, price in enumerate(["100", "101.50"]):
            await cache.write([ticker(price=price, sequence=sequence)])
            expected = {"data": {"rate": {"id": "Rate:BINANCE:BTC/USDT", "price": price}}}
            for method in ("POST", "GET"):
                async with asyncio.timeout(TIMEOUT_S):
                    while await ask(method) != expected:
                        pass
                assert await ask(method) == expected


async def test_the_fast_path_has_the_headers_of_the_asgi_path(ready_gateway: ReadyGateway) -> None:
    """A request with an origin passes all middleware, one without does not."""
    async with ready_gateway() as served, served.client() as client:
        requests: list[JsonObject] = [
            {"method": "POST", "json": {"query": "{ __typename }"}},
            {"method": "GET", "params": {"query": "{ sources { source { code } } }"}},
            {"method": "GET", "headers": {"accept": "text/html"}},
            {"method": "PUT"},
            {"method": "OPTIONS"},
            {"method": "POST", "content": b"{"},
        ]
        for request in requests:
            sent: JsonObject = {**request, "headers": {**request.get("headers", {})}}
            short = await client.request(url="/graphql", **sent)
            sent["headers"]["origin"] = served.http
            long = await client.request(url="/graphql", **sent)
            assert short.status_code == long.status_code
            assert _without_date(short.headers) == _without_date(long.headers)
            assert short.headers["x-content-type-options"] == "nosniff"


def _without_date(headers: httpx.Headers) -> dict[str, str]:
    # A lease changes what is left.
    return {name: value for name, value in headers.items() if name not in {"date", "ratelimit"}}
