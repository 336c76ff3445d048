"""`consensusRate` as clients see it: every field, argument and error."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Execute, Until

EVERY_FIELD = """
  id symbol base quote method price quality divergenceBps observedAt ageMs freshness minSources maxDeviationBps simulated
  contributions { source { code } usedPrice included weight deviationBps exclusion message rate { id ageMs freshness } }
"""


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT of both sources, half a second apart, and BTC/USD of one; Binance has a volume."""
    later = ticker().observed_at + timedelta(milliseconds=500)
    await cache.write([ticker(price="64000.10", volume_24h=Decimal(7), simulated=True, observed_at=later)])
    await cache.write(
        [
            ticker(price="64000.30", source=Source.COINGECKO, simulated=True),
            ticker("BTC/USD", "63990", source=Source.COINGECKO),
        ]
    )
    await until(
        lambda: all(gateway.mirror.positions[each].seq == 1 for each in (Source.BINANCE, Source.COINGECKO))
    )


async def test_a_consensus_tells_all_about_itself(execute: Execute, seen: None, clock: FakeClock) -> None:
    """The age is that of the oldest rate in it."""
    clock.advance(1)
    result = await execute(f'{{ consensusRate(symbol: "BTC/USDT") {{ {EVERY_FIELD} }} }}')
    assert not result.errors
    assert result.data["consensusRate"] == {
        "id": "ConsensusRate:BTC/USDT:MEDIAN",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "method": "MEDIAN",
        "price": "64000.20",
        "quality": "AGREED",
        "divergenceBps": 0.015625,
        "observedAt": "2026-11-22T12:00:00.000Z",
        "ageMs": 1_000,
        "freshness": "FRESH",
        "minSources": 2,
        "maxDeviationBps": 50.0,
        "simulated": True,
        "contributions": [
            {
                "source": {"code": "BINANCE"},
                "usedPrice": "64000.10",
                "included": True,
                "weight": "0.500000",
                "deviationBps": -0.015625,
                "exclusion": None,
                "message": None,
                "rate": {"id": "Rate:BINANCE:BTC/USDT", "ageMs": 500, "freshness": "FRESH"},
            },
            {
                "source": {"code": "COINGECKO"},
                "usedPrice": "64000.30",
                "included": True,
                "weight": "0.500000",
                "deviationBps": 0.015625,
                "exclusion": None,
                "message": None,
                "rate": {"id": "Rate:COINGECKO:BTC/USDT", "ageMs": 1_000, "freshness": "FRESH"},
            },
        ],
    }


async def test_another_quote_asset_is_another_symbol(execute: Execute, seen: None) -> None:
    """BTC/USD has one source: those of BTC/USDT do not count for it."""
    result = await execute(
        """{ alone: consensusRate(symbol: "BTC/USD") { price quality observedAt ageMs freshness divergenceBps }
             sure: consensusRate(symbol: "BTC/USD", minSources: 1) { price quality contributions { source { code } } } }"""
    )
    nothing = dict.fromkeys(["price", "observedAt", "ageMs", "freshness", "divergenceBps"])
    assert result.data["alone"] == {**nothing, "quality": "INSUFFICIENT"}
    assert result.data["sure"] == {
        "price": "63990",
        "quality": "SINGLE_SOURCE",
        "contributions": [{"source": {"code": "COINGECKO"}}],
    }


async def test_sources_can_be_named(execute: Execute, seen: None) -> None:
    """In their order, without duplicates; `maxAgeMs` and VWAP report the excluded ones."""
    query = """query($symbol: Symbol!, $sources: [SourceId!], $method: ConsensusMethod!, $maxAgeMs: Int) {
      consensusRate(symbol: $symbol, sources: $sources, method: $method, maxAgeMs: $maxAgeMs, minSources: 1) {
        quality contributions { source { code } exclusion message }
      }
    }"""

    async def ask(symbol: str, method: str = "MEDIAN", **more: object) -> list[object]:
        answer = (await execute(query, symbol=symbol, method=method, **more)).data["consensusRate"]
        return [(each["source"]["code"], each["exclusion"]) for each in answer["contributions"]]

    both = ["COINGECKO", "BINANCE", "COINGECKO"]
    assert await ask("BTC/USD", sources=both) == [("COINGECKO", None), ("BINANCE", "NOT_TRACKED")]
    assert await ask("BTC/USDT", sources=both) == [("COINGECKO", None), ("BINANCE", None)]
    assert await ask("BTC/USDT", "VWAP") == [("BINANCE", None), ("COINGECKO", "NO_VOLUME")]
    assert await ask("ETH/USDT") == [("BINANCE", "NOT_YET_SEEN")]
    assert await ask("BTC/USDT", maxAgeMs=0) == [("BINANCE", None), ("COINGECKO", None)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('symbol: "BTC/USDX"', "UNKNOWN_SYMBOL"),
        ('symbol: "ETH/USDT", sources: [COINGECKO]', "UNKNOWN_SYMBOL"),
        ('symbol: "btc-usdt"', "INVALID_SYMBOL"),
        ('symbol: "BTC/USDT", minSources: 0', "BAD_USER_INPUT"),
        ('symbol: "BTC/USDT", maxAgeMs: -1', "BAD_USER_INPUT"),
        ('symbol: "BTC/USDT", maxDeviationBps: -0.1', "BAD_USER_INPUT"),
        ('symbol: "BTC/USDT", sources: []', "BAD_USER_INPUT"),
        ('symbol: "BTC/USDT", method: MEAN', "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_every_wrong_question_has_its_code(
    execute: Execute, operations: Operations, arguments: str, code: str
) -> None:
    """Asked once or for good."""
    result = await execute(f"{{ consensusRate({arguments}) {{ price }} }}")
    assert [each.extensions["code"] for each in result.errors] == [code]
    with pytest.raises(OperationRejected) as caught:
        await operations.iterate_results(
            operations.prepare(GraphQLRequest(f"subscription {{ consensusRate({arguments}) {{ price }} }}"))
        )
    assert [each["extensions"]["code"] for each in caught.value.errors] == [code]


async def test_near_matches_are_those_of_the_sources_asked(execute: Execute) -> None:
    """Symbols of other sources are not suggested."""
    result = await execute('{ consensusRate(symbol: "BTC/USDX", sources: [BINANCE]) { price } }')
    assert result.errors[0].extensions["near"] == ["BTC/USDT"]


async def test_an_answer_may_be_kept_until_time_makes_it_another(
    operations: Operations, seen: None, clock: FakeClock
) -> None:
    """Without a price there is nothing to keep."""

    async def notes_of(arguments: str) -> OperationMetadata:
        metadata = OperationMetadata()
        request = GraphQLRequest(f"{{ consensusRate({arguments}) {{ price }} }}")
        await operations.answer(operations.prepare(request), metadata)
        return metadata

    clock.advance(4)
    good = timedelta(seconds=6.500_001)
    assert (await notes_of('symbol: "BTC/USDT"')).fresh_for == good
    assert (await notes_of('symbol: "BTC/USDT", maxAgeMs: 5000')).fresh_for == timedelta(seconds=1.000_001)
    assert (await notes_of('symbol: "BTC/USD"')).no_store


async def test_a_document_that_mixes_it_with_rates_is_answered_plainly(
    fast_operations: Operations, seen: None
) -> None:
    """In either order; what the fast path knows alone it still answers."""
    rates, consensus = (
        'rates(symbols: ["BTC/USDT"]) { items { id price ageMs } }',
        'consensusRate(symbol: "BTC/USDT") { price quality contributions { source { code } rate { id price } } }',
    )
    alone = fast_operations.prepare(GraphQLRequest(f"{{ {rates} }}"))
    assert alone.plan is not None
    for query in (f"{{ {rates} {consensus} }}", f"{{ {consensus} {rates} }}"):
        mixed = fast_operations.prepare(GraphQLRequest(query))
        assert mixed.plan is None
        data = (await fast_operations.execute(mixed))["data"]
        assert data["rates"] == (await fast_operations.execute(alone))["data"]["rates"]
        assert data["consensusRate"]["quality"] == "AGREED"
        assert (await fast_operations.answer(mixed)).has_errors is False
