"""Costs of the dashboard's own operations on 2,000 instruments, with room to the limit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from rates.source import Source
from tests.gateway.fakes import ListedInstruments, wait_until
from tests.json_types import JsonObject

OPERATIONS = Path(__file__).parents[2] / "dashboard/src/graphql/operations.graphql"
INSTRUMENTS = 2_000
SYMBOLS = [f"T{number:04}/USDT" for number in range(INSTRUMENTS)]
EXCHANGES = ["BINANCE", "COINBASE", "KRAKEN", "OKX", "BYBIT"]
# The default limit is 30,000. A field more, or other weights, must not close the page to its viewers.
MOST_POINTS = 25_000
DAY: JsonObject = {"source": "BINANCE", "from": "2026-11-28T12:00:00Z", "to": "2026-11-29T12:00:00Z"}
# As the page asks: the bounds of its lists are those of its stores.
ASKED: dict[str, JsonObject] = {
    "Market": {},
    "InView": {"symbols": list(SYMBOLS[:60])},
    "MarketConsensuses": {"symbols": list(SYMBOLS[:64]), "sources": list(EXCHANGES)},
    "MarketSummaries": {"symbols": list(SYMBOLS[:250])},
    "UsdRates": {"input": [{"amount": "1", "from": f"T{n:04}", "to": "USD"} for n in range(15)]},
    "Spreads": {},
    "UsdValues": {"input": [{"amount": "1", "from": f"T{n:04}", "to": "USD"} for n in range(30)]},
    "Identities": {},
    "InstrumentNames": {},
    "SourceHealth": {},
    "SourceDay": DAY,
    "Watched": {"symbols": list(SYMBOLS[:500])},
    "Wall": {"symbols": list(SYMBOLS[:40])},
    "OneInstrument": {"symbol": SYMBOLS[0]},
    "Consensus": {"symbol": SYMBOLS[0]},
    "Embed": {"symbols": list(SYMBOLS[:500])},
}


@pytest.fixture
async def operations() -> AsyncIterator[Operations]:
    """Those of a gateway with 2,000 instruments of one source."""
    listing = ListedInstruments(*((Source.BINANCE, symbol) for symbol in SYMBOLS))
    # A higher limit, so that the test sees the figures.
    settings = GatewaySettings(port=0, max_cost=1_000_000)
    gateway = Gateway(MemoryCache(), listing, settings, simulated=True)
    running = asyncio.create_task(gateway.run())
    await wait_until(lambda: len(gateway.catalog.tracked) == INSTRUMENTS)
    yield Operations(build_schema(), Context.of(gateway), settings)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_the_operations_of_the_page_leave_room_below_the_limit(operations: Operations) -> None:
    """Each alone, on 2,000 instruments."""
    document = OPERATIONS.read_text()
    costs = {
        name: operations.prepare(GraphQLRequest(document, variables=variables, operation_name=name)).cost
        for name, variables in ASKED.items()
    }
    assert {name: cost for name, cost in costs.items() if cost > MOST_POINTS} == {}
    # All rates count, not a first page of them.
    assert costs["Market"] > INSTRUMENTS
