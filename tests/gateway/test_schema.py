"""The GraphQL contract: every query, argument and error code, executed against the schema."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.typing import EventDict

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.settings import GatewaySettings
from rates.source import Source
from tests.gateway.fakes import FakeClock
from tests.gateway.fixture_types import Answered, AnsweredError, BuildTicker, Execute, Json, Until

EVERY_RATE_FIELD = """
  id symbol base quote source { code } price bid ask changePercent24h high24h low24h volume24h
  observedAt observedAtOrigin receivedAt ageMs ttlMs expiresAt freshness simulated
"""


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT from Binance, BTC/USD from CoinGecko; ETH/USDT is tracked but never came."""
    await cache.write([ticker(price="0.00000001", bid=Decimal("1E-9"), simulated=True)])
    await cache.write([ticker("BTC/USD", "64000.10", source=Source.COINGECKO)])
    written = (Source.BINANCE, Source.COINGECKO)
    await until(lambda: all(gateway.mirror.positions[each].seq == 1 for each in written))


def only_error(result: Answered) -> AnsweredError:
    assert len(result.errors) == 1
    return result.errors[0]


def code(result: Answered) -> Json:
    return only_error(result).extensions["code"]


async def test_a_rate_tells_all_about_itself(execute: Execute, seen: None, clock: FakeClock) -> None:
    """Decimals in plain notation, times in UTC, age from the source's time."""
    clock.advance(2.0005)
    result = await execute(f'{{ rate(symbol: "BTC/USDT") {{ {EVERY_RATE_FIELD} }} }}')
    assert not result.errors
    assert result.data["rate"] == {
        "id": "Rate:BINANCE:BTC/USDT",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "source": {"code": "BINANCE"},
        "price": "0.00000001",
        "bid": "0.000000001",
        "ask": None,
        "changePercent24h": None,
        "high24h": None,
        "low24h": None,
        "volume24h": None,
        "observedAt": "2026-11-22T12:00:00.000Z",
        "observedAtOrigin": "SOURCE",
        "receivedAt": "2026-11-22T12:00:00.050Z",
        "ageMs": 2_001,
        "ttlMs": 10_000,
        "expiresAt": "2026-11-22T12:00:10.000Z",
        "freshness": "FRESH",
        "simulated": True,
    }


@pytest.mark.parametrize(
    ("age_s", "freshness"), [(10, "FRESH"), (10.001, "STALE"), (100, "STALE"), (101, "EXPIRED")]
)
async def test_freshness_follows_age(
    execute: Execute, seen: None, clock: FakeClock, age_s: float, freshness: str
) -> None:
    """By the time to live of the source."""
    clock.advance(age_s)
    result = await execute('{ rate(symbol: "BTC/USDT", source: BINANCE) { freshness } }')
    assert result.data["rate"] == {"freshness": freshness}


async def test_on_stale_decides_what_becomes_of_an_old_rate(
    execute: Execute, seen: None, clock: FakeClock
) -> None:
    """RETURN, NULL, ERROR with the ages."""
    clock.advance(5)
    query = """query($onStale: OnStale!) {
      rate(symbol: "BTC/USDT", maxAgeMs: 4999, onStale: $onStale) { ageMs }
    }"""
    assert (await execute(query, onStale="RETURN")).data == {"rate": {"ageMs": 5_000}}
    assert (await execute(query, onStale="OMIT")).data == {"rate": None}
    error = only_error(await execute(query, onStale="ERROR"))
    assert error.extensions == {
        "code": "RATE_STALE",
        "symbol": "BTC/USDT",
        "source": "BINANCE",
        "ageMs": 5_000,
        "maxAgeMs": 4_999,
    }
    exactly = await execute('{ rate(symbol: "BTC/USDT", maxAgeMs: 5000, onStale: ERROR) { ageMs } }')
    assert not exactly.errors


async def test_rates_list_what_they_have_and_why_the_rest_is_missing(
    execute: Execute, seen: None, clock: FakeClock
) -> None:
    """All sources that have a symbol; stale ones as `onStale` says."""
    clock.advance(11)
    query = """query($onStale: OnStale!) {
      rates(symbols: ["BTC/USDT", "BTC/USD", "NO/SUCH"], onStale: $onStale) {
        items { id } unavailable { symbol source { code } reason message } cursor
      }
    }"""
    returned = (await execute(query, onStale="RETURN")).data["rates"]
    assert [each["id"] for each in returned["items"]] == ["Rate:BINANCE:BTC/USDT", "Rate:COINGECKO:BTC/USD"]
    nulled = (await execute(query, onStale="OMIT")).data["rates"]
    assert [each["id"] for each in nulled["items"]] == ["Rate:COINGECKO:BTC/USD"]
    unavailable: set[object] = {
        (each["symbol"], each["source"] and each["source"]["code"], each["reason"])
        for each in nulled["unavailable"]
    }
    assert unavailable == {
        ("NO/SUCH", None, "UNKNOWN_SYMBOL"),
        ("BTC/USDT", "BINANCE", "STALE"),
        ("BTC/USDT", "COINGECKO", "NOT_YET_SEEN"),
    }
    assert code(await execute(query, onStale="ERROR")) == "RATE_STALE"


async def test_rates_can_be_asked_of_one_source(execute: Execute, seen: None) -> None:
    """Null arguments mean the same as absent ones."""
    one = await execute(
        "{ rates(sources: [COINGECKO], symbols: null) { items { id } unavailable { symbol } } }"
    )
    assert one.data["rates"] == {
        "items": [{"id": "Rate:COINGECKO:BTC/USD"}],
        "unavailable": [{"symbol": "BTC/USDT"}],
    }


async def test_an_unknown_symbol_comes_with_near_matches(execute: Execute, seen: None) -> None:
    """Under `near`, and in words."""
    error = only_error(await execute('{ rate(symbol: "BTC/USDX") { price } }'))
    assert error.extensions["code"] == "UNKNOWN_SYMBOL"
    assert "BTC/USDT" in error.extensions["near"]
    assert "near matches" in error.message


async def test_a_rate_never_seen_has_a_code_of_its_own(
    execute: Execute, seen: None, clock: FakeClock
) -> None:
    """And another once its source is down: nobody reports on it and nothing of it is fresh."""
    assert code(await execute('{ rate(symbol: "ETH/USDT") { price } }')) == "RATE_NOT_SEEN"
    clock.advance(11)
    assert code(await execute('{ rate(symbol: "ETH/USDT") { price } }')) == "SOURCE_DOWN"


@pytest.mark.parametrize("wrong", ["btc/usdt", "BTCUSDT", "", "BTC/", "x" * 10_000])
async def test_a_malformed_symbol_has_one_code_however_it_comes(execute: Execute, wrong: str) -> None:
    """As a literal, as a variable, in a list."""
    for result in (
        await execute(f"{{ rate(symbol: {json.dumps(wrong)}) {{ price }} }}"),
        await execute("query($s: Symbol!) { rate(symbol: $s) { price } }", s=wrong),
        await execute("query($s: [Symbol!]) { rates(symbols: $s) { cursor } }", s=["BTC/USDT", wrong]),
    ):
        error = only_error(result)
        assert error.extensions["code"] == "INVALID_SYMBOL"
        assert "BASE/QUOTE" in error.extensions["expected"]
        assert len(error.message) < 300


async def test_a_malformed_symbol_comes_with_the_one_that_was_meant(execute: Execute) -> None:
    """If the intended symbol is unambiguous."""
    error = only_error(await execute('{ rate(symbol: "btc-usdt") { price } }'))
    assert error.extensions["suggestion"] == "BTC/USDT"


@pytest.mark.parametrize("wrong", [5, True, ["BTC/USDT"], {"base": "BTC"}])
async def test_a_symbol_that_is_no_string_is_malformed(execute: Execute, wrong: object) -> None:
    """For any other type."""
    assert (
        code(await execute("query($s: Symbol!) { rate(symbol: $s) { price } }", s=wrong)) == "INVALID_SYMBOL"
    )


@pytest.mark.parametrize(
    "query",
    [
        '{ rate(symbol: "BTC/USDT", maxAgeMs: -1) { price } }',
        "{ rates(maxAgeMs: -1) { cursor } }",
        "{ instruments(first: -1) { totalCount } }",
        "{ instruments(first: 201) { totalCount } }",
        '{ instruments(after: "nonsense") { totalCount } }',
    ],
)
async def test_an_argument_out_of_range_is_bad_user_input(execute: Execute, query: str) -> None:
    """The message says what is expected."""
    error = only_error(await execute(query))
    assert error.extensions["code"] == "BAD_USER_INPUT"
    assert "expected" in error.message


async def test_a_variable_of_the_wrong_type_is_bad_user_input(execute: Execute) -> None:
    """It is the caller's, and nothing of it is masked."""
    result = await execute("query($n: Int) { rates(maxAgeMs: $n) { cursor } }", n="soon")
    assert code(result) == "BAD_USER_INPUT"
    missing = await execute("query($s: Symbol!) { rate(symbol: $s) { price } }")
    assert code(missing) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ rate(", "GRAPHQL_PARSE_FAILED"),
        ("{" * 900, "GRAPHQL_PARSE_FAILED"),
        ("{ a" * 900 + "}" * 900, "GRAPHQL_PARSE_FAILED"),
        ("{ " + "a " * 2_001 + "}", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ rate { price } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(51)) + " }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_a_document_that_cannot_be_used_says_so(execute: Execute, query: str, expected: str) -> None:
    """Twice, so that the cached verdict is the same."""
    for _ in range(2):
        result = await execute(query)
        assert {error.extensions["code"] for error in result.errors} == {expected}


async def test_a_wrong_enum_value_is_the_callers_mistake(
    execute: Execute, structured_logs: list[EventDict]
) -> None:
    """In the document and in a variable, with a hint, and nothing in the log."""
    literal = await execute("{ rates(sources: [BINANC]) { cursor } }")
    assert code(literal) == "GRAPHQL_VALIDATION_FAILED"
    variable = await execute("query($s: [SourceId!]) { rates(sources: $s) { cursor } }", s=["BINANC"])
    assert code(variable) == "BAD_USER_INPUT"
    for result in (literal, variable):
        assert "BINANCE" in only_error(result).message
    assert [each for each in structured_logs if each["log_level"] == "error"] == []


async def test_instruments_are_a_connection(execute: Execute) -> None:
    """Edges, nodes, page info and count agree."""
    query = """query($after: String) {
      instruments(first: 3, after: $after) {
        edges { cursor node { id sourceSymbol name } } nodes { id } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    page = (await execute(query)).data["instruments"]
    assert page["totalCount"] == 4
    assert [each["node"]["id"] for each in page["edges"]] == [each["id"] for each in page["nodes"]]
    assert page["pageInfo"]["hasNextPage"]
    rest = (await execute(query, after=page["pageInfo"]["endCursor"])).data["instruments"]
    assert rest["nodes"] == [{"id": "Instrument:BINANCE:ETH/USDT"}]
    assert rest["pageInfo"]["hasPreviousPage"]


async def test_sources_tell_how_they_are_doing(execute: Execute, seen: None, clock: FakeClock) -> None:
    """Here nobody reports on them, but their rates are fresh."""
    result = await execute(
        "{ sources { source { code } state reason lastTickerAt lagMs tickersPerMinute refusedCount reconnectCount "
        "budget { limit } trackedCount seenCount freshCount simulated } }"
    )
    assert result.data["sources"][0] == {
        "source": {"code": "BINANCE"},
        "state": "DEGRADED",
        "reason": "no process has reported on it for a minute",
        "lastTickerAt": "2026-11-22T12:00:00.050Z",
        "lagMs": 50,
        "tickersPerMinute": 1,
        "refusedCount": 0,
        "reconnectCount": 0,
        "budget": None,
        "trackedCount": 2,
        "seenCount": 1,
        "freshCount": 1,
        "simulated": True,
    }


async def test_anything_unexpected_is_masked_and_logged_with_the_id_that_the_client_sees(
    gateway: Gateway, settings: GatewaySettings, structured_logs: list[EventDict]
) -> None:
    """The cause stays in the log."""

    class Broken:
        catalog = None
        served_slots = gateway.rates.served_slots

        def sources(self) -> None:
            raise ZeroDivisionError("secret detail")

    broken = replace(Context.of(gateway), rates=Broken())  # type: ignore[arg-type]  # that is the point
    operations = Operations(build_schema(), broken, settings)
    result = await operations.execute(operations.prepare(GraphQLRequest("{ sources { state } }")))
    (error,) = result["errors"]
    extensions = error["extensions"]
    assert re.fullmatch(r"Internal error [0-9a-f]{16}", error["message"])
    assert extensions["code"] == "INTERNAL_SERVER_ERROR"
    assert extensions["errorId"] in error["message"]
    logged = [each for each in structured_logs if each["event"] == "internal error"]
    assert [each["error_id"] for each in logged] == [extensions["errorId"]]
    assert "secret detail" in str(logged[0]["exc_info"])


async def test_quotes_and_the_last_trade_have_times_of_their_own(
    execute: Execute,
    gateway: Gateway,
    cache: MemoryCache,
    ticker: BuildTicker,
    until: Until,
    clock: FakeClock,
) -> None:
    """A current price can be of an old trade, from which the quotes have moved away."""
    wen = ticker(
        price="0.0000044",
        bid=Decimal("0.000004631"),
        ask=Decimal("0.0000059"),
        bid_size=Decimal("12.50"),
        quoted_at=clock(),
        last_trade_at=clock() - timedelta(hours=10),
        open_24h=Decimal("0.0000050"),
        quote_volume_24h=Decimal("7.10"),
        merged=3,
    )
    await cache.write([wen])
    await until(lambda: gateway.mirror.read(wen.key) is not None)
    fields = (
        "price mid spreadBps bidSize askSize quotedAt lastTradeAt open24h quoteVolume24h mergedUpstreamCount"
    )
    result = await execute(f'{{ rate(symbol: "BTC/USDT", source: BINANCE) {{ {fields} }} }}')
    assert result.data["rate"] == {
        "price": "0.0000044",
        "mid": "0.0000052655",
        "spreadBps": 2410.027538,
        "bidSize": "12.50",
        "askSize": None,
        "quotedAt": "2026-11-22T12:00:00.000Z",
        "lastTradeAt": "2026-11-22T02:00:00.000Z",
        "open24h": "0.0000050",
        "quoteVolume24h": "7.10",
        "mergedUpstreamCount": 3,
    }
    late = '{ rate(symbol: "BTC/USDT", source: BINANCE, maxTradeAgeMs: 60000, onStale: ERROR) { price } }'
    extensions = only_error(await execute(late)).extensions
    assert extensions["code"] == "RATE_STALE"
    assert [extensions["tradeAgeMs"], extensions["maxTradeAgeMs"]] == [36_000_000, 60_000]
    listed = '{ rates(symbols: ["BTC/USDT"], sources: [BINANCE], maxTradeAgeMs: 60000, onStale: OMIT) { items { price } unavailable { reason } } }'
    assert (await execute(listed)).data["rates"] == {"items": [], "unavailable": [{"reason": "STALE"}]}
