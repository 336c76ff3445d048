"""`conversions` and the live `conversion` as clients see them."""

import json
from contextlib import aclosing

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import BuildTicker, Execute, Until
from tests.json_types import Json


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT from Binance, BTC/USD from CoinGecko; ETH/USDT is tracked but never came."""
    await cache.write([ticker(price="64000")])
    await cache.write([ticker("BTC/USD", "64001", source=Source.COINGECKO)])
    await until(
        lambda: all(gateway.mirror.positions[each].seq == 1 for each in (Source.BINANCE, Source.COINGECKO))
    )


async def test_what_cannot_be_converted_is_data_with_the_code_of_its_error(
    execute: Execute, seen: None
) -> None:
    """In the order of the input, without repetitions."""
    result = await execute("""{
      conversions(input: [
        { amount: "2.0", from: "BTC", to: "USDT" }
        { amount: 1, from: "BTC", to: "ATLANTIS" }
        { amount: "-1", from: "BTC", to: "USDT" }
        { amount: 1, from: "ETH", to: "USD" }
        { amount: "2.0", from: "BTC", to: "USDT" }
        { amount: 2, from: "BTC", to: "USDT" }
      ]) {
        items { amount from to result legs { rate { id } } }
        unavailable { amount from to code message }
        sentAt
      }
    }""")
    assert not result.errors
    found = result.data["conversions"]
    legs = [{"rate": {"id": "Rate:BINANCE:BTC/USDT"}}]
    assert found["items"] == [
        {"amount": "2.0", "from": "BTC", "to": "USDT", "result": "128000.0", "legs": legs},
        {"amount": "2", "from": "BTC", "to": "USDT", "result": "128000", "legs": legs},
    ]
    assert [[each["amount"], each["from"], each["to"], each["code"]] for each in found["unavailable"]] == [
        ["1", "BTC", "ATLANTIS", "UNKNOWN_ASSET"],
        ["-1", "BTC", "USDT", "BAD_USER_INPUT"],
        ["1", "ETH", "USD", "RATE_NOT_SEEN"],
    ]
    assert found["unavailable"][1]["message"] == "amount is -1: expected 0 or more"


async def test_a_route_beyond_the_legs_is_data_too(execute: Execute, seen: None) -> None:
    """The options hold for every conversion of the list."""
    result = await execute("""{
      conversions(input: [{ amount: 1, from: "USDT", to: "USD" }, { amount: 1, from: "BTC", to: "USD" }], maxLegs: 1) {
        items { from } unavailable { from code }
      }
    }""")
    assert result.data["conversions"] == {
        "items": [{"from": "BTC"}],
        "unavailable": [{"from": "USDT", "code": "NO_CONVERSION_PATH"}],
    }


@pytest.mark.parametrize(
    ("on_stale", "expected"),
    [
        ("RETURN", {"items": [{"freshness": "STALE"}], "unavailable": []}),
        ("OMIT", {"items": [], "unavailable": [{"code": "RATE_STALE"}]}),
        ("ERROR", None),
    ],
)
async def test_a_stale_rate_is_answered_as_the_client_wants(
    execute: Execute, seen: None, clock: FakeClock, on_stale: str, expected: Json
) -> None:
    """Returned, left out with the reason, or an error."""
    clock.advance(11)
    result = await execute(f"""{{
      conversions(input: [{{ amount: 1, from: "BTC", to: "USDT" }}], onStale: {on_stale}) {{
        items {{ freshness }} unavailable {{ code }}
      }}
    }}""")
    assert result.data["conversions"] == expected
    assert [each.extensions["code"] for each in result.errors] == (["RATE_STALE"] if expected is None else [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("input: []", "input is an empty list: expected 1 to 50 values"),
        ("input: $many", "input is a list of 51 values: expected 1 to 50 values"),
        ('input: [{ amount: 1, from: "A", to: "B" }], maxLegs: 4', "maxLegs is 4: expected 1 to 3"),
    ],
)
async def test_an_argument_out_of_range_is_an_error(
    execute: Execute, seen: None, arguments: str, message: str
) -> None:
    """It says what was expected."""
    many = [{"amount": number, "from": "BTC", "to": "USDT"} for number in range(51)]
    declared = "query($many: [ConversionInput!]!)" if "$many" in arguments else "query"
    variables = {"many": many} if "$many" in arguments else {}
    result = await execute(f"{declared} {{ conversions({arguments}) {{ sentAt }} }}", **variables)
    (error,) = result.errors
    assert error.message == message
    assert error.extensions["code"] == "BAD_USER_INPUT"


async def test_a_live_conversion_is_null_while_it_has_no_answer(
    operations: Operations, seen: None, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """From the first event on."""
    query = 'subscription { conversion(amount: 2, from: "ETH", to: "USDT", sampleIntervalMs: 0) { result } }'
    async with aclosing(await operations.iterate(operations.prepare(GraphQLRequest(query)))) as results:
        assert json.loads(await anext(results)) == {"data": {"conversion": None}}
        await cache.write([ticker("ETH/USDT", "3000")])
        assert json.loads(await anext(results)) == {"data": {"conversion": {"result": "6000"}}}


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ('conversion(amount: 1, from: "BTC", to: "ATLANTIS") { result }', "UNKNOWN_ASSET"),
        ('conversion(amount: 1, from: "USDT", to: "USD", maxLegs: 1) { result }', "NO_CONVERSION_PATH"),
        ('conversion(amount: "-1", from: "BTC", to: "USDT") { result }', "BAD_USER_INPUT"),
        ('conversion(amount: 1, from: "BTC", to: "USDT", onStale: ERROR) { result }', "BAD_USER_INPUT"),
        (
            'conversions(input: [{ amount: 1, from: "BTC", to: "USDT" }], onStale: ERROR) { kind }',
            "BAD_USER_INPUT",
        ),
        ("conversions(input: []) { kind }", "BAD_USER_INPUT"),
        ("consensusRates(symbols: []) { kind }", "BAD_USER_INPUT"),
    ],
)
async def test_a_subscription_that_can_never_be_answered_is_refused_at_once(
    operations: Operations, seen: None, field: str, code: str
) -> None:
    """Also where it is a list: for its arguments only."""
    prepared = operations.prepare(GraphQLRequest(f"subscription {{ {field} }}"))
    with pytest.raises(OperationRejected) as refused:
        await operations.iterate(prepared)
    assert refused.value.errors[0]["extensions"]["code"] == code
