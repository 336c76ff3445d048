"""Answers beside an error, and errors that name what exists."""

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from rates.source import Source
from tests.gateway.fixture_types import BuildTicker, Execute, Until
from tests.json_types import Json

SCHEMA = build_schema()
ROOTS_THAT_FAIL = [
    'rate(symbol: "FOO/BAR") { price }',
    'rates(symbols: ["BTC/USDT"], maxAgeMs: -1) { cursor }',
    "instruments(first: -1) { totalCount }",
    'consensusRate(symbol: "FOO/BAR") { price }',
    'conversion(amount: "1", from: "BTC", to: "ATLANTIS") { result }',
    'convert(amount: "1", from: "BTC", to: "ATLANTIS") { result }',
]


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT from Binance."""
    await cache.write([ticker(price="64000")])
    await until(lambda: gateway.mirror.positions[Source.BINANCE].seq == 1)


@pytest.mark.parametrize("failing", ROOTS_THAT_FAIL)
async def test_one_refused_field_leaves_the_others_answered(
    execute: Execute, seen: None, failing: str
) -> None:
    """The refused field is null, with its error and path."""
    result = await execute(f'{{ a: rate(symbol: "BTC/USDT") {{ price }} b: {failing} sources {{ state }} }}')
    assert result.data["a"] == {"price": "64000"}
    assert not result.data["b"]
    assert len(result.data["sources"]) == len(Source)
    (error,) = result.errors
    assert error.path == ["b"]
    assert "code" in error.extensions


def test_every_root_field_is_nullable() -> None:
    """Of queries and of subscriptions."""
    schema = SCHEMA._schema
    assert schema.query_type
    assert schema.subscription_type
    for root in (schema.query_type, schema.subscription_type):
        assert [name for name, field in root.fields.items() if str(field.type).endswith("!")] == []


@pytest.mark.parametrize(
    "field",
    [
        'rate(symbol: "ETH/USDT", source: COINGECKO) { price }',
        'consensusRate(symbol: "ETH/USDT", sources: [COINGECKO, KRAKEN]) { price }',
    ],
)
async def test_a_symbol_of_other_sources_comes_with_these_sources(
    execute: Execute, seen: None, field: str
) -> None:
    """Not with near matches: the symbol exists."""
    (error,) = (await execute(f"{{ {field} }}")).errors
    assert error.extensions == {
        "code": "UNKNOWN_SYMBOL",
        "symbol": "ETH/USDT",
        "near": [],
        "sources": ["BINANCE"],
    }
    assert error.message.startswith("ETH/USDT is not tracked from COINGECKO")
    assert error.message.endswith("; sources that have it: BINANCE")


@pytest.mark.parametrize("fast_path", [True, False])
async def test_unavailable_rates_name_the_sources_that_track_them(
    gateway: Gateway, seen: None, settings: GatewaySettings, fast_path: bool
) -> None:
    """Whether one of the named sources tracks the symbol or none."""
    operations = Operations(SCHEMA, Context.of(gateway), settings.model_copy(update={"fast_path": fast_path}))

    async def messages(sources: str) -> Json:
        query = f'{{ rates(symbols: ["ETH/USDT"], sources: {sources}) {{ unavailable {{ message }} }} }}'
        result = await operations.execute(operations.prepare(GraphQLRequest(query)))
        return [each["message"] for each in result["data"]["rates"]["unavailable"]]

    told = "ETH/USDT is not tracked from COINGECKO; sources that have it: BINANCE"
    assert await messages("[COINGECKO]") == [told]
    assert told in await messages("[COINGECKO, BINANCE]")


async def test_an_asset_of_other_sources_comes_with_these_sources(execute: Execute, seen: None) -> None:
    """Conversions follow the same rule."""
    (error,) = (
        await execute('{ conversion(amount: 1, from: "ETH", to: "USDT", sources: [COINGECKO]) { result } }')
    ).errors
    assert error.extensions["sources"] == ["BINANCE"]
    assert error.extensions["near"] == []
    assert (
        "no symbol tracked from COINGECKO has the asset 'ETH'; sources that have it: BINANCE" in error.message
    )
