"""Entities of federation on the fast path are byte-equal to those of the executor."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.request import GraphQLRequest
from gateway.results import encode
from gateway.schema.federation import build_subgraph_schema
from instruments.instrument import Halt, Suspicion
from rates.source import Source
from tests.gateway.fakes import NOON, build_ticker
from tests.gateway.fastpath.test_queries import Both, both
from tests.json_types import JsonObject
from tests.lengths import at_length
from tests.virtual_time import run_virtually

SUBGRAPH = build_subgraph_schema()
RATE: JsonObject = {"__typename": "Rate", "id": "Rate:BINANCE:BTC/USDT"}
REPRESENTATIONS: list[JsonObject] = [
    RATE,
    {"__typename": "Rate", "id": "Rate:COINGECKO:BTC/USD"},
    {"__typename": "Rate", "id": "Rate:BINANCE:ETH/USDT"},
    {"__typename": "Rate", "id": "Rate:BINANCE:NOPE/USDT"},
    {"__typename": "Rate", "id": "Rate:NOWHERE:BTC/USDT"},
    {"__typename": "Rate", "id": "Rate:BINANCE:btc-usdt"},
    {"__typename": "Rate", "id": "Rate:BINANCE:BTC"},
    {"__typename": "Rate", "id": "BTC/USDT"},
    {"__typename": "Rate", "id": 1},
    {"__typename": "Rate"},
    {"__typename": "Instrument", "id": "Instrument:BINANCE:BTC/USDT"},
    {"__typename": "Instrument", "id": "Instrument:KRAKEN:BTC/USDT"},
    {"__typename": "Instrument", "id": "Rate:BINANCE:BTC/USDT"},
    {"__typename": "Asset", "code": "BTC"},
    {"__typename": "Asset", "code": "NOPE"},
    {"__typename": "Asset", "code": 7},
    {"__typename": "Asset", "id": "Asset:bitcoin"},
    {"__typename": "Source", "id": "Source:KRAKEN"},
    {"__typename": "Source", "id": "Source:NOWHERE"},
    {"__typename": "SourceStatus", "id": "SourceStatus:KRAKEN"},
    {"__typename": "Conversion", "id": "Conversion:1:BTC:USDT"},
    {"__typename": "Nothing", "id": "Nothing:1"},
]
SELECTIONS = [
    "__typename",
    "... on Node { id }",
    "__typename ... on Rate { price freshness }",
    "... on Rate { symbol price bid ask observedAt ageMs source { code ttlMs } }",
    "... on Rate { ageMs older: ageMs } ... on Asset { code name }",
    "... on Rate { instrument { symbol asset: base } } ... on Instrument { symbol source { code } }",
    "... on Instrument { rate { price } } ... on Rate { price }",
    "... on Source { code name } ... on Rate { id price } ... on Instrument { id }",
    "... on Rate @skip(if: true) { price } __typename",
]
QUERY = "query($r: [_Any!]!) { _entities(representations: $r) { %s } }"


async def is_covered(system: Both, selection: str, *representations: JsonObject) -> bool:
    """Whether the fast path answers, after comparing its answer with that of the executor."""
    prepared = system.operations.prepare(GraphQLRequest(QUERY % selection, {"r": list(representations)}))
    plain = await system.operations.execute(prepared)
    assert (await system.operations.answer(prepared)).body == encode(plain)
    return prepared.plan is not None and system.operations.chunks(prepared.plan) is not None


@pytest.mark.slow
@settings(max_examples=at_length(60), deadline=None)
@given(
    st.lists(st.sampled_from(REPRESENTATIONS), max_size=6) | st.just([RATE] * 3),
    st.sampled_from(SELECTIONS),
    st.integers(0, 100_000),
)
def test_any_entities_are_those_of_the_executor(
    representations: list[JsonObject], selection: str, after_ms: int
) -> None:
    """The bytes, the errors and how long they stay fresh, at any age."""

    async def compare() -> None:
        async with both(SUBGRAPH) as system:
            await system.write(build_ticker(price="97012.50", bid=Decimal(97012)))
            await system.write(build_ticker("BTC/USD", "97013", source=Source.COINGECKO))
            system.clock.now = NOON + timedelta(milliseconds=after_ms)
            await system.check(QUERY % selection, {"r": representations})

    run_virtually(compare())


async def test_lists_of_rates_are_on_the_fast_path() -> None:
    """Also where one is missing, or another type is between them."""
    missing = {"__typename": "Rate", "id": "Rate:BINANCE:ETH/USDT"}
    asset = {"__typename": "Asset", "code": "BTC"}
    async with both(SUBGRAPH) as system:
        await system.write(build_ticker())
        for representations in ([RATE] * 3, [RATE, missing], [asset, RATE]):
            assert await is_covered(
                system, "... on Rate { price ageMs } ... on Asset { name }", *representations
            )
        assert not await is_covered(
            system, "__typename", {"__typename": "Conversion", "id": "Conversion:1:BTC:USDT"}
        )


async def change_first(system: Both, change: dict[str, Any]) -> None:
    """Change what is said of BTC/USDT of Binance, and let the gateway read it."""
    catalog = system.gateway.catalog
    revision = catalog.revision
    first, *others = system.listed.instruments
    system.listed.instruments = [msgspec.structs.replace(first, **change), *others]
    await catalog.refresh()
    assert catalog.revision > revision


async def test_a_halted_instrument_has_no_rate() -> None:
    """One with a suspected identity has its own."""
    async with both(SUBGRAPH) as system:
        await system.write(build_ticker())
        changes: tuple[dict[str, Any], ...] = (
            {"halt": Halt("BREAK", NOON)},
            {"halt": None, "suspicion": Suspicion("25 %", NOON)},
            {"suspicion": None},
        )
        for change in changes:
            await change_first(system, change)
            assert await is_covered(system, "... on Rate { price }", RATE)


async def test_a_router_may_ask_for_a_thousand_rates() -> None:
    """At the default cost; by the executor they would be refused."""
    async with both(SUBGRAPH) as system:
        fields = "... on Rate { id price bid ask freshness observedAt ageMs }"
        request = GraphQLRequest(QUERY % fields, {"r": [RATE] * 1_000})
        cost = system.operations.prepare(request).cost
        assert 8_000 < cost < 30_000


@pytest.mark.parametrize("count", [0, 1_001])
async def test_other_lengths_are_left_to_the_executor(count: int) -> None:
    """Its error says what is expected."""
    async with both(SUBGRAPH) as system:
        prepared = system.operations.prepare(GraphQLRequest(QUERY % "__typename", {"r": [RATE] * count}))
        assert prepared.plan is None
