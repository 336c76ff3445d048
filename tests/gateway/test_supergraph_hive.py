"""Ratewire as a subgraph of a supergraph that Hive Gateway serves."""

import asyncio
import json
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from tests.gateway.fixture_types import BuildTicker, ReadyGateway
from tests.json_types import Json

FOLDER = Path(__file__).resolve().parents[1] / "federation"
TIMEOUT_S = 120

pytestmark = [pytest.mark.servers, pytest.mark.long]


async def ask(ratewire: str, *operations: Json) -> Json:
    """The results of these operations on the supergraph, and the requests that reached Ratewire."""
    process = await asyncio.create_subprocess_exec(
        "node", "supergraph.mjs", f"{ratewire}/graphql",
        cwd=FOLDER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_S):
            printed, _ = await process.communicate(json.dumps(operations).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, printed
    return json.loads(printed)


async def test_rates_are_joined_to_the_types_of_another_subgraph(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """By id and by code, in both directions; one request of entities serves a whole list."""
    await cache.write([ticker(price="64000"), ticker("ETH/USDT", "3000")])
    async with ready_gateway(federation=True) as served:
        answer = await ask(
            served.http,
            {
                "query": "{ holdings { name amount rate { price symbol source { code } } asset { name launchYear } } }"
            },
            {"query": '{ asset(code: "BTC") { id name launchYear } }'},
            {"query": '{ rate(symbol: "BTC/USDT", source: BINANCE) { id price instrument { status } } }'},
        )
    joined, asset, alone = answer["results"]
    names = [each["name"] for each in joined["data"]["holdings"]]
    assert names == ["my BTC", "my ETH", "my NOPE"]
    bitcoin, ether, nothing = joined["data"]["holdings"]
    assert bitcoin["rate"] == {"price": "64000", "symbol": "BTC/USDT", "source": {"code": "BINANCE"}}
    assert ether["rate"]["price"] == "3000"
    assert [each["asset"] for each in (bitcoin, ether)] == [
        {"name": "Bitcoin", "launchYear": 2009},
        {"name": "Ethereum", "launchYear": 2015},
    ]
    # Nothing has them, and the portfolio allows null in their places.
    assert (nothing["rate"], nothing["asset"]) == (None, None)
    assert asset == {"data": {"asset": {"id": "Asset:bitcoin", "name": "Bitcoin", "launchYear": 2009}}}
    assert alone["data"]["rate"]["price"] == "64000"
    entities = [each for each in answer["toRatewire"] if "_entities" in each["query"]]
    assert [sorted(map(len, each["variables"].values())) for each in entities] == [[3, 3]]
