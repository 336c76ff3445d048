"""`conversion` as clients see it: every field, argument and error."""

from datetime import timedelta

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Execute, Until
from tests.json_types import Json

EVERY_FIELD = """
  amount from to result rate ageMs observedAt freshness usesPeg simulated
  legs { from to operation usedPrice peg rate { id price source { code } } }
"""


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT from Binance, BTC/USD from CoinGecko; ETH/USDT is tracked but never came."""
    await cache.write([ticker(price="64000.10", simulated=True)])
    await cache.write([ticker("BTC/USD", "64001", source=Source.COINGECKO, simulated=True)])
    await until(
        lambda: all(gateway.mirror.positions[each].seq == 1 for each in (Source.BINANCE, Source.COINGECKO))
    )


async def test_a_conversion_tells_all_about_itself(execute: Execute, seen: None, clock: FakeClock) -> None:
    """The way, and the worst age on it."""
    clock.advance(11)
    result = await execute(f'{{ conversion(amount: "2", from: "USDT", to: "USD") {{ {EVERY_FIELD} }} }}')
    assert not result.errors
    assert result.data["conversion"] == {
        "amount": "2",
        "from": "USDT",
        "to": "USD",
        "result": "2.000028124956054756164443493057042",
        "rate": "1.000014062478027378082221746528521",
        "ageMs": 11_000,
        "observedAt": "2026-11-22T12:00:00.000Z",
        "freshness": "STALE",
        "usesPeg": False,
        "simulated": True,
        "legs": [
            {
                "from": "USDT",
                "to": "BTC",
                "operation": "DIVIDE",
                "usedPrice": "64000.10",
                "peg": False,
                "rate": {"id": "Rate:BINANCE:BTC/USDT", "price": "64000.10", "source": {"code": "BINANCE"}},
            },
            {
                "from": "BTC",
                "to": "USD",
                "operation": "MULTIPLY",
                "usedPrice": "64001",
                "peg": False,
                "rate": {"id": "Rate:COINGECKO:BTC/USD", "price": "64001", "source": {"code": "COINGECKO"}},
            },
        ],
    }


async def test_the_old_name_still_answers(execute: Execute, seen: None) -> None:
    """`convert` is deprecated and has the same arguments and result."""
    result = await execute('{ convert(amount: "2", from: "BTC", to: "USDT") { result } }')
    assert not result.errors
    assert result.data["convert"] == {"result": "128000.20"}


async def test_a_peg_has_neither_rate_nor_age(execute: Execute, seen: None) -> None:
    """And says so."""
    query = (
        f'{{ conversion(amount: "2", from: "USDT", to: "USD", stablecoinsAsUsd: true) {{ {EVERY_FIELD} }} }}'
    )
    answer = (await execute(query)).data["conversion"]
    assert [answer["result"], answer["rate"], answer["usesPeg"]] == ["2", "1", True]
    assert [answer["ageMs"], answer["observedAt"], answer["freshness"]] == [0, None, "FRESH"]
    assert answer["legs"] == [
        {"from": "USDT", "to": "USD", "operation": "MULTIPLY", "usedPrice": "1", "peg": True, "rate": None}
    ]


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ('"1.50"', "1.50"),
        ("2", "2"),
        ("0.1000000000000000000000000000000000001", "0.1000000000000000000000000000000000001"),
        ('"1e-3"', "0.001"),
        ("-0", "0"),
        ('"0012"', "12"),
    ],
)
async def test_an_amount_keeps_every_digit(execute: Execute, seen: None, literal: str, expected: str) -> None:
    """Numbers in a document are text still."""
    result = await execute(f'{{ conversion(amount: {literal}, from: "BTC", to: "BTC") {{ amount result }} }}')
    assert result.data["conversion"] == {"amount": expected, "result": expected}


async def test_an_amount_in_variables_is_a_string_or_a_whole_number(execute: Execute, seen: None) -> None:
    """A JSON number with a fraction may have lost digits: it is refused with words that help."""
    query = 'query($amount: Decimal!) { conversion(amount: $amount, from: "BTC", to: "BTC") { result } }'
    for good in ("1.5", 7, 10**40):
        assert (await execute(query, amount=good)).data["conversion"] == {"result": str(good)}
    wrong_ones: list[Json] = [1.5, True, [], None, "", "1,5", "NaN", "1_000", " 1", "٣", "1e99", 10**60, "-1"]
    for wrong in wrong_ones:
        (error,) = (await execute(query, amount=wrong)).errors
        assert error.extensions["code"] == "BAD_USER_INPUT", wrong
        assert len(error.message) < 300
    (error,) = (await execute(query, amount=1.5)).errors
    assert 'expected a string, e.g. "1.5"' in error.message


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('amount: "1", from: "BTC", to: "EUR"', "UNKNOWN_ASSET"),
        ('amount: "1", from: "ETH", to: "USD", maxLegs: 2', "NO_CONVERSION_PATH"),
        ('amount: "1", from: "ETH", to: "USDT"', "RATE_NOT_SEEN"),
        ('amount: "1", from: "BTC", to: "USDT", maxAgeMs: 0, onStale: ERROR', "RATE_STALE"),
        ('amount: "-1", from: "BTC", to: "USDT"', "BAD_USER_INPUT"),
        ('amount: [1], from: "BTC", to: "USDT"', "GRAPHQL_VALIDATION_FAILED"),
        ('amount: 1e99, from: "BTC", to: "USDT"', "GRAPHQL_VALIDATION_FAILED"),
        ('amount: "1", from: "BTC", to: "USDT", maxLegs: 4', "BAD_USER_INPUT"),
        ('amount: "1", from: "BTC", to: "USDT", maxAgeMs: -1', "BAD_USER_INPUT"),
        ('amount: "1", from: "BTC", to: "USDT", sources: []', "BAD_USER_INPUT"),
    ],
)
async def test_every_wrong_question_has_its_code(
    execute: Execute, seen: None, clock: FakeClock, arguments: str, code: str
) -> None:
    """The message says what was seen and what is expected."""
    clock.advance(1)
    (error,) = (await execute(f"{{ conversion({arguments}) {{ result }} }}")).errors
    assert error.extensions["code"] == code


async def test_errors_tell_programs_what_would_help(execute: Execute, seen: None) -> None:
    """Under the names of the API."""
    query = 'query($from: AssetCode!, $legs: Int!) { conversion(amount: 1, from: $from, to: "USD", maxLegs: $legs) { result } }'
    (no_path,) = (await execute(query, **{"from": "ETH", "legs": 2})).errors
    assert no_path.extensions == {
        "code": "NO_CONVERSION_PATH",
        "from": "ETH",
        "to": "USD",
        "maxLegs": 2,
        "legsNeeded": 3,
        "fromReaches": ["USDT"],
        "toReachedFrom": ["BTC"],
        "stablecoinsAsUsdHelps": True,
    }
    (unknown,) = (await execute(query, **{"from": "btc", "legs": 2})).errors
    assert unknown.extensions == {"code": "UNKNOWN_ASSET", "asset": "btc", "near": ["BTC"], "sources": []}


async def test_null_is_answered_only_to_who_asked_for_it(
    execute: Execute, seen: None, clock: FakeClock
) -> None:
    """`onStale: OMIT`."""
    clock.advance(1)
    ask = 'conversion(amount: 1, from: "BTC", to: "USDT", maxAgeMs: 999, onStale: %s) { freshness }'
    assert (await execute(f"{{ {ask % 'OMIT'} }}")).data == {"conversion": None}
    assert (await execute(f"{{ {ask % 'RETURN'} }}")).data == {"conversion": {"freshness": "FRESH"}}


async def test_an_answer_may_be_kept_as_long_as_its_first_rate_is_fresh(
    operations: Operations, seen: None, clock: FakeClock
) -> None:
    """Or as young as was asked for."""
    clock.advance(4)

    async def fresh_for(arguments: str) -> timedelta | None:
        metadata = OperationMetadata()
        query = f'{{ conversion(amount: 1, from: "USDT", to: "USD" {arguments}) {{ result }} }}'
        await operations.answer(operations.prepare(GraphQLRequest(query)), metadata)
        return metadata.fresh_for

    assert await fresh_for("") == timedelta(seconds=6)
    assert await fresh_for("maxAgeMs: 5000") == timedelta(seconds=1)
    assert await fresh_for("stablecoinsAsUsd: true") is None


async def test_a_document_that_mixes_it_with_rates_is_answered_plainly(
    operations: Operations, seen: None
) -> None:
    """In either order, with the same rates."""
    rates, convert = (
        'rate(symbol: "BTC/USDT") { price }',
        'conversion(amount: 1, from: "BTC", to: "USDT") { result }',
    )
    for query in (f"{{ {rates} {convert} }}", f"{{ {convert} {rates} }}"):
        mixed = operations.prepare(GraphQLRequest(query))
        assert mixed.plan is None
        assert (await operations.execute(mixed))["data"] == {
            "rate": {"price": "64000.10"},
            "conversion": {"result": "64000.10"},
        }
