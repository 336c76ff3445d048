"""`consensusRates` as clients see it: every field, argument and error."""

from datetime import timedelta

import pytest

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.schema.context import OperationMetadata
from rates.source import Source
from tests.gateway.fixture_types import BuildTicker, Execute, Until


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT from both sources; ETH/USDT is tracked but never came."""
    await cache.write([ticker(price="100")])
    await cache.write([ticker(price="100.2", source=Source.COINGECKO)])
    await until(
        lambda: all(gateway.mirror.positions[each].seq == 1 for each in (Source.BINANCE, Source.COINGECKO))
    )


async def test_each_symbol_is_answered_once_and_in_order(execute: Execute, seen: None) -> None:
    """An unlisted symbol is data; one without rates is a consensus without a price."""
    result = await execute("""{
      consensusRates(symbols: ["ETH/USDT", "NO/SUCH", "BTC/USDT", "BTC/USDTT", "ETH/USDT"]) {
        items { id symbol price quality contributions { source { code } exclusion } }
        unavailable { symbol source { code } reason message }
        sentAt
      }
    }""")
    assert not result.errors
    found = result.data["consensusRates"]
    assert [[each["id"], each["price"], each["quality"]] for each in found["items"]] == [
        ["ConsensusRate:ETH/USDT:MEDIAN", None, "INSUFFICIENT"],
        ["ConsensusRate:BTC/USDT:MEDIAN", "100.1", "AGREED"],
    ]
    assert found["items"][0]["contributions"] == [
        {"source": {"code": "BINANCE"}, "exclusion": "NOT_YET_SEEN"}
    ]
    assert [[each["symbol"], each["source"], each["reason"]] for each in found["unavailable"]] == [
        ["NO/SUCH", None, "UNKNOWN_SYMBOL"],
        ["BTC/USDTT", None, "UNKNOWN_SYMBOL"],
    ]
    assert "BTC/USDT" in str(found["unavailable"][1]["message"]).replace("BTC/USDTT", "")
    assert found["sentAt"] == "2026-11-22T12:00:00.000Z"


async def test_the_list_says_what_the_single_field_says(execute: Execute, seen: None) -> None:
    """With the same arguments."""
    given = "method: VWAP, minSources: 1, maxAgeMs: 60000, maxDeviationBps: 5, sources: [BINANCE, COINGECKO]"
    fields = "id price quality divergenceBps ageMs contributions { usedPrice basis weight exclusion message }"
    result = await execute(f"""{{
      consensusRate(symbol: "BTC/USDT", {given}) {{ {fields} }}
      consensusRates(symbols: "BTC/USDT", {given}) {{ items {{ {fields} }} }}
    }}""")
    assert not result.errors
    assert result.data["consensusRates"]["items"] == [result.data["consensusRate"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("symbols: []", "symbols is an empty list: expected 1 to 200 values"),
        ("symbols: $many", "symbols is a list of 201 values: expected 1 to 200 values"),
        ('symbols: "BTC/USDT", minSources: 0', "minSources is 0: expected 1 to 100"),
        (
            'symbols: "BTC/USDT", sources: []',
            "sources is an empty list: expected at least one value; leave it out for all",
        ),
    ],
)
async def test_an_argument_out_of_range_is_an_error_of_its_field_alone(
    execute: Execute, seen: None, arguments: str, message: str
) -> None:
    """The error says what was expected; other fields are answered."""
    many = [f"A{number}/USDT" for number in range(201)]
    declared = "query($many: [Symbol!]!)" if "$many" in arguments else "query"
    variables = {"many": many} if "$many" in arguments else {}
    result = await execute(
        f'{declared} {{ consensusRates({arguments}) {{ sentAt }} rate(symbol: "BTC/USDT") {{ price }} }}',
        **variables,
    )
    assert result.data == {"consensusRates": None, "rate": {"price": "100"}}
    (error,) = result.errors
    assert error.message == message
    assert error.extensions["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("symbols", "fresh_for", "no_store"),
    [('"BTC/USDT"', timedelta(seconds=10, microseconds=1), False), ('["BTC/USDT", "ETH/USDT"]', None, True)],
)
async def test_a_list_may_be_cached_as_long_as_all_of_it_holds(
    operations: Operations, seen: None, symbols: str, fresh_for: timedelta | None, no_store: bool
) -> None:
    """Not at all with a consensus without a price."""
    metadata = OperationMetadata()
    query = f"{{ consensusRates(symbols: {symbols}) {{ items {{ price }} }} }}"
    await operations.answer(operations.prepare(GraphQLRequest(query)), metadata)
    assert metadata.no_store is no_store
    assert fresh_for is None or metadata.fresh_for == fresh_for
