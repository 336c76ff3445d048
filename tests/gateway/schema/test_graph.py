"""Edges between objects, and objects fetched by their ids."""

import json
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from graphql import GraphQLInterfaceType
from hypothesis import given
from hypothesis import strategies as st

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from gateway.request import GraphQLRequest
from gateway.schema.build import build_schema
from gateway.schema.context import Context
from gateway.schema.global_id import (
    MAX_NODES,
    consensus_rate_id,
    conversion_id,
    parse_consensus_key,
    parse_conversion_key,
)
from gateway.schema.refetch import FETCHERS
from gateway.settings import GatewaySettings
from instruments.instrument import Halt
from rates.errors import InvalidArgument
from rates.number import is_printable
from rates.source import Source
from rates.symbol import Symbol
from tests.gateway.fakes import NOON, FakeClock, ListedInstruments
from tests.gateway.fixture_types import BuildTicker, Execute, Until
from tests.json_types import Json

SCHEMA = build_schema()
IDS = [
    "Rate:BINANCE:BTC/USDT",
    "Instrument:BINANCE:BTC/USDT",
    "Source:BINANCE",
    "SourceStatus:BINANCE",
    "Asset:bitcoin",
    "ConsensusRate:BTC/USDT:MEDIAN?minSources=1",
    "Conversion:1.50:BTC:USDT?maxAgeMs=60000&sources=BINANCE+COINGECKO&maxLegs=2&stablecoinsAsUsd=true&onStale=OMIT",
]
WITH_INSTRUMENT = "instrument { id name status source { id ttlMs } baseAsset { id code name } }"


@pytest.fixture
async def seen(gateway: Gateway, cache: MemoryCache, ticker: BuildTicker, until: Until) -> None:
    """BTC/USDT of both sources; ETH/USDT is tracked but never came."""
    await cache.write([ticker(price="64000")])
    await cache.write([ticker(price="64001", source=Source.COINGECKO)])
    written = (Source.BINANCE, Source.COINGECKO)
    await until(lambda: all(gateway.mirror.positions[each].seq == 1 for each in written))


async def test_a_rate_leads_to_its_instrument_and_back(execute: Execute, seen: None) -> None:
    """And to the rates of the symbol from all sources that mean the same asset."""
    query = """{ rate(symbol: "BTC/USDT", source: COINGECKO) {
      instrument { id symbol rate { id price } rates { id price } source { code name } }
    } }"""
    found = (await execute(query)).data["rate"]["instrument"]
    assert found["id"] == "Instrument:COINGECKO:BTC/USDT"
    assert found["rate"] == {"id": "Rate:COINGECKO:BTC/USDT", "price": "64001"}
    assert found["rates"]
    assert found["rate"] in found["rates"]
    assert found["source"] == {"code": "COINGECKO", "name": "CoinGecko"}


async def test_an_instrument_without_a_rate_has_none(
    execute: Execute, seen: None, instruments: ListedInstruments, gateway: Gateway
) -> None:
    """Never seen or halted: no error, as this is a fact about the instrument."""
    query = '{ instrument(symbol: "ETH/USDT", source: BINANCE) { status rate { price } rates { price } } }'
    result = await execute(query)
    assert not result.errors
    assert result.data["instrument"] == {"status": "TRADING", "rate": None, "rates": []}
    instruments.halt(Source.BINANCE, "ETH/USDT", Halt("BREAK", NOON))
    await gateway.catalog.refresh()
    halted = (await execute(query)).data["instrument"]
    assert halted == {"status": "HALTED", "rate": None, "rates": []}


async def test_rates_of_an_instrument_take_the_demands_of_the_query(
    execute: Execute, seen: None, clock: FakeClock
) -> None:
    """OMIT leaves out what is too old, ERROR reports it at its path."""
    clock.advance(1)
    query = """query($onStale: OnStale!) { instrument(symbol: "BTC/USDT", source: BINANCE) {
      rate(maxAgeMs: 999, onStale: $onStale) { id } rates(maxAgeMs: 999, onStale: $onStale) { id }
    } }"""
    omitted = await execute(query, onStale="OMIT")
    assert omitted.data["instrument"] == {"rate": None, "rates": []}
    refused = await execute(query, onStale="ERROR")
    assert [error.extensions["code"] for error in refused.errors] == ["RATE_STALE", "RATE_STALE"]
    paths = [error.path for error in refused.errors]
    assert sorted(map(str, paths)) == ["['instrument', 'rate']", "['instrument', 'rates']"]


async def test_a_source_leads_to_its_status_and_instruments(execute: Execute, seen: None) -> None:
    """The instruments are only its own; a filter that names another source is refused."""
    query = """query($filter: InstrumentFilter) { source(code: BINANCE) {
      id code name kind homepage ttlMs status { id state source { id } }
      instruments(first: 1, filter: $filter) { totalCount nodes { source { code } } }
    } }"""
    source = (await execute(query)).data["source"]
    assert source["status"]["id"] == "SourceStatus:BINANCE"
    assert source["status"]["source"] == {"id": "Source:BINANCE"}
    assert source["instruments"] == {"totalCount": 2, "nodes": [{"source": {"code": "BINANCE"}}]}
    assert [source[name] for name in ("kind", "ttlMs")] == ["EXCHANGE", 10_000]
    (error,) = (await execute(query, filter={"source": "KRAKEN"})).errors
    assert error.extensions["code"] == "BAD_USER_INPUT"
    assert error.path == ["source", "instruments"]


async def test_an_asset_leads_to_the_instruments_that_price_it(
    execute: Execute, gateway: Gateway, instruments: ListedInstruments
) -> None:
    """By identity, not by code: the others called BTC mean another asset here."""
    first, *others = instruments.instruments
    instruments.instruments = [msgspec.structs.replace(first, base_asset="bitcoin"), *others]
    await gateway.catalog.refresh()
    query = '{ asset(code: "BTC") { id code name instruments { nodes { id baseAsset { id } } } } }'
    assert (await execute(query)).data["asset"] == {
        "id": "Asset:bitcoin",
        "code": "BTC",
        "name": "Bitcoin",
        "instruments": {
            "nodes": [{"id": "Instrument:BINANCE:BTC/USDT", "baseAsset": {"id": "Asset:bitcoin"}}]
        },
    }


@pytest.mark.parametrize(
    ("field", "code", "near"),
    [
        ('asset(code: "btc") { id }', "UNKNOWN_ASSET", ["BTC"]),
        ('instrument(symbol: "BTC/USDX", source: BINANCE) { id }', "UNKNOWN_SYMBOL", ["BTC/USDT"]),
    ],
)
async def test_one_unknown_object_is_an_error_with_near_matches(
    execute: Execute, field: str, code: str, near: list[str]
) -> None:
    """As one rate that does not exist."""
    (error,) = (await execute(f"{{ {field} }}")).errors
    assert error.extensions["code"] == code
    assert error.extensions["near"] == near


async def test_an_instrument_of_other_sources_comes_with_these_sources(execute: Execute) -> None:
    """The rule of rates."""
    (error,) = (await execute('{ instrument(symbol: "ETH/USDT", source: COINGECKO) { id } }')).errors
    assert error.extensions["sources"] == ["BINANCE"]


@pytest.mark.parametrize("global_id", IDS)
async def test_every_object_is_found_by_its_id(execute: Execute, seen: None, global_id: str) -> None:
    """`node` and `nodes` return an object of the type in the id, with that id."""
    query = "query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { __typename id } }"
    result = await execute(query, id=global_id)
    assert not result.errors
    expected = {"__typename": global_id.partition(":")[0], "id": global_id}
    assert result.data == {"node": expected, "nodes": [expected]}


def test_every_type_with_the_interface_can_be_fetched() -> None:
    """A type that is added later needs a way to be found."""
    schema = SCHEMA._schema
    interface = schema.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)
    assert {each.name for each in schema.get_possible_types(interface)} == set(FETCHERS)
    # Candles need a history: `tests/gateway/queries/candles`.
    assert {each.partition(":")[0] for each in IDS} | {"Candle"} == set(FETCHERS)


@pytest.mark.parametrize(
    "global_id",
    [
        "Rate:BINANCE:NO/SUCH",
        "Rate:BINANCE:ETH/USDT",
        "Rate:MTGOX:BTC/USDT",
        "Instrument:KRAKEN:BTC/USDT",
        "Source:MTGOX",
        "SourceStatus:MTGOX",
        "Asset:no-such-coin",
        "ConsensusRate:NO/SUCH:MEDIAN",
        "Conversion:1:NOSUCH:USDT",
        "Conversion:1:btc:USDT",
        "Conversion:1:ETH:BTC?sources=COINGECKO",
        "Conversion:1:ETH:USD?maxLegs=1",
        "Conversion:1:BTC:ETH",
    ],
)
async def test_an_id_without_an_object_is_null(execute: Execute, seen: None, global_id: str) -> None:
    """Well-formed, but nothing is there now."""
    result = await execute("query($id: ID!) { node(id: $id) { id } }", id=global_id)
    assert not result.errors
    assert result.data == {"node": None}


@pytest.mark.parametrize(
    "global_id",
    [
        "",
        "BINANCE",
        "BINANCE:BTC/USDT",
        "Rate:",
        "Rate:BINANCE:btc-usdt",
        "Instrument:BINANCE",
        "Coin:bitcoin",
        "ConsensusRate:BTC/USDT",
        "ConsensusRate:BTC/USDT:MEAN",
        "ConsensusRate:BTC/USDT:MEDIAN?minSources=two",
        "ConsensusRate:BTC/USDT:MEDIAN?minSources=2",
        "ConsensusRate:BTC/USDT:MEDIAN?minSources=0",
        "ConsensusRate:BTC/USDT:MEDIAN?maxAgeMs=999999999999999999999",
        "ConsensusRate:BTC/USDT:MEDIAN?sources=MTGOX",
        "ConsensusRate:BTC/USDT:MEDIAN?nonsense",
        "Conversion:1:BTC",
        "Conversion:1:BTC:USDT:EUR",
        "Conversion:-1:BTC:USDT",
        "Conversion:-0:BTC:USDT",
        "Conversion:1e3:BTC:USDT",
        "Conversion:one:BTC:USDT",
        "Conversion:1:BTC:USDT?maxLegs=3",
        "Conversion:1:BTC:USDT?maxLegs=4",
        "Conversion:1:BTC:USDT?onStale=RETURN",
        "Conversion:1:BTC:USDT?onStale=NULL",
        "Conversion:1:BTC:USDT?sources=COINGECKO+BINANCE",
        "Conversion:1:BTC:USDT?sources=",
        "Conversion:1:BTC:USDT?stablecoinsAsUsd=false",
        "Conversion:1:BTC:USDT?maxTradeAgeMs=1&maxAgeMs=1",
        f"Conversion:1:BTC:USDT?maxAgeMs={'9' * 5000}",
        "x" * 10_000,
    ],
)
async def test_a_text_that_is_no_id_is_an_error(execute: Execute, seen: None, global_id: str) -> None:
    """It says what an id looks like; in `nodes` it is the error of its place."""
    query = "query($id: ID!) { node(id: $id) { id } }"
    (error,) = (await execute(query, id=global_id)).errors
    assert error.extensions["code"] == "BAD_USER_INPUT"
    assert "Rate:BINANCE:BTC/USDT" in error.message
    assert len(error.message) < 300
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    result = await execute(query, ids=["Source:OKX", global_id, "Source:BYBIT"])
    assert result.data["nodes"] == [{"id": "Source:OKX"}, None, {"id": "Source:BYBIT"}]
    (error,) = result.errors
    assert error.path == ["nodes", 1]


async def test_too_many_ids_are_refused(execute: Execute) -> None:
    """At most 200 at once."""
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"
    assert not (await execute(query, ids=["Source:OKX"] * MAX_NODES)).errors
    (error,) = (await execute(query, ids=["Source:OKX"] * (MAX_NODES + 1))).errors
    assert error.extensions["code"] == "BAD_USER_INPUT"


def test_the_id_of_a_consensus_has_all_its_arguments() -> None:
    """Parsing gives the query that it was built from."""
    query = ConsensusQuery(
        Symbol("BTC", "USDT"),
        ConsensusMethod.VWAP,
        min_sources=3,
        max_age=timedelta(milliseconds=1_500),
        max_deviation_bps=Decimal("0.5"),
        sources=(Source.OKX, Source.KRAKEN),
        max_trade_age=timedelta(seconds=60),
    )
    text = consensus_rate_id(query)
    assert parse_consensus_key(text.partition(":")[2]) == query
    with pytest.raises(InvalidArgument):
        parse_consensus_key(text.partition(":")[2] + "&minSources=4")


@pytest.mark.parametrize(
    ("arguments", "details"),
    [
        ("", ""),
        ("maxAgeMs: 60000", "?maxAgeMs=60000"),
        ("maxAgeMs: null, maxTradeAgeMs: null, sources: null", ""),
        ("sources: [COINGECKO, BINANCE, COINGECKO]", "?sources=BINANCE+COINGECKO"),
        ("maxLegs: 3, onStale: RETURN, stablecoinsAsUsd: false", ""),
        (
            "maxLegs: 2, onStale: ERROR, stablecoinsAsUsd: true",
            "?maxLegs=2&stablecoinsAsUsd=true&onStale=ERROR",
        ),
    ],
)
async def test_a_conversion_can_be_fetched_again_by_its_id(
    execute: Execute, seen: None, arguments: str, details: str
) -> None:
    """The id has all arguments that are not defaults. `convert` and `conversions` give the same."""
    one = "{ id amount from to result rate legs { rate { id } } freshness }"
    query = f"""{{
      conversion(amount: "1.50", from: "BTC", to: "USDT", {arguments}) {one}
      convert(amount: "1.50", from: "BTC", to: "USDT", {arguments}) {one}
      conversions(input: [{{ amount: "1.50", from: "BTC", to: "USDT" }}], {arguments}) {{ items {one} }}
    }}"""
    answers = (await execute(query)).data
    expected = answers["conversion"]
    assert expected["id"] == f"Conversion:1.50:BTC:USDT{details}"
    assert answers["convert"] == expected
    assert answers["conversions"]["items"] == [expected]
    found = await execute(
        "query($id: ID!) { node(id: $id) { ... on Conversion " + one + " } }", id=expected["id"]
    )
    assert found.data == {"node": expected}


async def test_equal_amounts_of_different_texts_are_different_conversions(
    execute: Execute, seen: None
) -> None:
    """Their results have other digits. An exponent is written out."""

    async def convert(amount: object) -> Json:
        query = 'query($a: Decimal!) { conversion(amount: $a, from: "BTC", to: "USDT") { id amount result } }'
        return (await execute(query, a=amount)).data["conversion"]

    assert await convert("1.0") == {"id": "Conversion:1.0:BTC:USDT", "amount": "1.0", "result": "64000.0"}
    assert (
        await convert(1)
        == await convert("1")
        == {"id": "Conversion:1:BTC:USDT", "amount": "1", "result": "64000"}
    )
    assert await convert("1e3") == await convert("1000")
    assert await convert("-0") == await convert("0")


SPANS = st.none() | st.timedeltas(timedelta(0), timedelta(days=20)).map(
    lambda span: timedelta(milliseconds=span // timedelta(milliseconds=1))
)


@given(
    amount=st.decimals(0, 10**12, allow_nan=False, allow_infinity=False).filter(is_printable),
    policy=st.builds(FreshnessPolicy, SPANS, st.sampled_from(OnStale), SPANS),
    sources=st.none() | st.sets(st.sampled_from(Source), min_size=1),
    max_legs=st.integers(1, 3),
    stablecoins_as_usd=st.booleans(),
)
def test_the_key_of_a_conversion_parses_to_its_query(
    amount: Decimal,
    policy: FreshnessPolicy,
    sources: set[Source] | None,
    max_legs: int,
    stablecoins_as_usd: bool,
) -> None:
    """With any arguments."""
    in_order = None if sources is None else tuple(each for each in Source if each in sources)
    query = ConversionQuery(amount, "BTC", "1000SATS", policy, in_order, max_legs, stablecoins_as_usd)
    text = conversion_id(query)
    parsed = parse_conversion_key(text.partition(":")[2])
    assert parsed == query._replace(amount=parsed.amount)
    assert parsed.amount == query.amount
    assert conversion_id(parsed) == text


async def test_the_instrument_of_a_rate_is_encoded_once_and_stays_current(
    gateway: Gateway, seen: None, instruments: ListedInstruments, settings: GatewaySettings
) -> None:
    """The fast path gives the bytes of the executor, also after the instrument has changed."""
    context = Context.of(gateway)
    fast, plain = (
        Operations(SCHEMA, context, settings.model_copy(update={"fast_path": fast_path}))
        for fast_path in (True, False)
    )
    queries = [
        f'{{ rate(symbol: "BTC/USDT", source: BINANCE) {{ price {WITH_INSTRUMENT} }} }}',
        f"{{ rates {{ items {{ id {WITH_INSTRUMENT} }} }} }}",
    ]
    bodies: set[bytes] = set()
    for name in ("Bitcoin", "Bitcoin again"):
        instruments.rename(Source.BINANCE, "BTC/USDT", name)
        await gateway.catalog.refresh()
        for query in queries * 2:
            prepared = fast.prepare(GraphQLRequest(query))
            assert prepared.plan
            assert fast.chunks(prepared.plan)
            body = (await fast.answer(prepared)).body
            expected = await plain.execute(plain.prepare(GraphQLRequest(query)))
            assert body == json.dumps(expected, separators=(",", ":"), ensure_ascii=False).encode()
            assert name.encode() in body
            bodies.add(body)
    assert len(bodies) == 2 * len(queries)


async def test_lists_inside_lists_are_priced(fast_operations: Operations, seen: None) -> None:
    """A document that multiplies them is refused before it runs."""
    one = "{ source(code: BINANCE) { instruments(first: 200) { nodes { id } } } }"
    cost = fast_operations.prepare(GraphQLRequest(one)).cost
    assert cost > 200 * 12
    nested = "instruments(first: 200) { nodes { rates { id } } }"
    many = " ".join(f"a{number}: source(code: OKX) {{ {nested} }}" for number in range(20))
    with pytest.raises(OperationRejected, match="points"):
        fast_operations.prepare(GraphQLRequest(f"{{ {many} }}"))
    light = fast_operations.prepare(GraphQLRequest("{ rates { items { id } } }"))
    heavy = fast_operations.prepare(
        GraphQLRequest("{ rates { items { instrument { rates { id } source { status { state } } } } } }")
    )
    assert light.plan
    assert not heavy.plan
    assert heavy.cost > light.cost + 4 * (10 + 80 + 80)
