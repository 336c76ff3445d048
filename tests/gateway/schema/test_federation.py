"""The schema as a subgraph: its SDL, its entities, and what they cost."""

import json
import re
import tracemalloc

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
)

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.operations import Operations
from gateway.prepared_operation import OperationRejected
from gateway.request import GraphQLRequest
from gateway.results import Result
from gateway.schema.build import build_schema as build_plain_schema
from gateway.schema.context import Context
from gateway.schema.cost_directives import remove_cost_directives
from gateway.schema.federation import build_subgraph_schema, print_subgraph_sdl
from gateway.schema.global_id import MAX_ENTITIES
from gateway.schema.selection_weight import LISTS
from gateway.settings import GatewaySettings
from rates.source import Source
from tests.gateway.fixture_types import BuildTicker, Until
from tests.json_types import Json, JsonObject

SCHEMA = build_subgraph_schema()
ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Node { id } %s } }"


@pytest.fixture
async def subgraph(
    gateway: Gateway, cache: MemoryCache, settings: GatewaySettings, ticker: BuildTicker, until: Until
) -> Operations:
    """BTC/USDT of Binance; ETH/USDT is tracked but never came."""
    await cache.write([ticker(price="64000")])
    await until(lambda: gateway.mirror.positions[Source.BINANCE].seq == 1)
    return Operations(SCHEMA, Context.of(gateway), settings)


async def find(subgraph: Operations, *representations: Json, selection: str = "") -> Result:
    prepared = subgraph.prepare(GraphQLRequest(ENTITIES % selection, variables={"r": list(representations)}))
    answer = await subgraph.answer(prepared)
    result: Result = json.loads(answer.body)
    return result


def test_the_sdl_has_the_keys_of_all_entities() -> None:
    """Each type with the interface `Node` is one. All else is the schema that other clients see."""
    sdl = print_subgraph_sdl()
    assert sdl.startswith('extend schema @link(url: "https://specs.apollo.dev/federation/v2.3"')
    keys = dict(re.findall(r"^type (\w+) implements Node (@key.*) \{$", sdl, re.MULTILINE))
    plain = build_plain_schema()._schema
    interface = plain.type_map["Node"]
    assert isinstance(interface, GraphQLInterfaceType)
    assert keys.keys() == {each.name for each in plain.get_possible_types(interface)}
    assert keys.pop("Asset") == '@key(fields: "id") @key(fields: "code")'
    assert set(keys.values()) == {'@key(fields: "id")'}
    without = re.sub(r' @(key\(fields: "\w+"\)|shareable)', "", sdl).partition("\n\n")[2]
    assert "@cost" not in sdl
    assert "@listSize" not in sdl
    assert without == remove_cost_directives(build_plain_schema().as_str()) + "\n"
    assert build_schema(without).query_type


async def test_a_router_reads_the_sdl_from_the_subgraph(subgraph: Operations) -> None:
    """As `_service { sdl }`, which does not name the fields of federation."""
    prepared = subgraph.prepare(GraphQLRequest("{ _service { sdl } }"))
    sdl = json.loads((await subgraph.answer(prepared)).body)["data"]["_service"]["sdl"]
    assert sdl == print_subgraph_sdl()
    assert "_entities" not in sdl


def test_every_type_with_an_id_is_an_entity() -> None:
    """The union has what the SDL gives keys to."""
    union, interface = SCHEMA._schema.type_map["_Entity"], SCHEMA._schema.type_map["Node"]
    assert isinstance(union, GraphQLUnionType)
    assert isinstance(interface, GraphQLInterfaceType)
    assert {each.name for each in union.types} == {
        each.name for each in SCHEMA._schema.get_possible_types(interface)
    }
    query = SCHEMA._schema.query_type
    assert query is not None
    lists = {("Query", name) for name, field in query.fields.items() if "[" in str(field.type)}
    assert lists <= LISTS.keys()


async def test_entities_are_found_in_the_order_of_their_representations(subgraph: Operations) -> None:
    """By either key of an asset; null where there is nothing now."""
    result = await find(
        subgraph,
        {"__typename": "Rate", "id": "Rate:BINANCE:BTC/USDT"},
        {"__typename": "Asset", "code": "BTC"},
        {"__typename": "Instrument", "id": "Instrument:BINANCE:ETH/USDT"},
        {"__typename": "Rate", "id": "Rate:BINANCE:ETH/USDT"},
        {"__typename": "Asset", "id": "Asset:bitcoin"},
        {"__typename": "Asset", "code": "NOPE"},
        {"__typename": "Source", "id": "Source:KRAKEN"},
        selection="... on Rate { price } ... on Asset { code }",
    )
    bitcoin = {"__typename": "Asset", "id": "Asset:bitcoin", "code": "BTC"}
    assert result == {
        "data": {
            "_entities": [
                {"__typename": "Rate", "id": "Rate:BINANCE:BTC/USDT", "price": "64000"},
                bitcoin,
                {"__typename": "Instrument", "id": "Instrument:BINANCE:ETH/USDT"},
                None,
                bitcoin,
                None,
                {"__typename": "Source", "id": "Source:KRAKEN"},
            ]
        }
    }


@pytest.mark.parametrize(
    "representation",
    [
        {"__typename": "Rate"},
        {"__typename": "Rate", "id": 1},
        {"__typename": "Rate", "id": "Instrument:BINANCE:BTC/USDT"},
        {"__typename": "Rate", "symbol": "BTC/USDT"},
        {"__typename": "Query", "id": "Query:1"},
        {"__typename": "Rate", "id": "Rate:BINANCE:btc"},
        {"__typename": "Instrument", "code": "BTC"},
    ],
)
async def test_a_representation_without_a_key_is_an_error_of_its_place(
    subgraph: Operations, representation: JsonObject
) -> None:
    """It says what is expected; the others are answered."""
    result = await find(subgraph, {"__typename": "Source", "id": "Source:OKX"}, representation)
    assert result["data"]["_entities"] == [{"__typename": "Source", "id": "Source:OKX"}, None]
    (error,) = result["errors"]
    assert error["path"] == ["_entities", 1]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "Rate:BINANCE:BTC/USDT" in error["message"]


HOSTILE_KEYS = [
    "",
    ":",
    "Rate:",
    "Rate:BINANCE:" + "A" * 50_000,
    "Candle:",
    "Candle:BINANCE:BTC/USDT:1m:2026-01-01T00:00:00.000Z?timeZone=../../etc/passwd",
    "Candle:BINANCE:BTC/USDT:1m:9999-12-31T23:59:59.999Z?knownAt=0001-01-01T00:00:00+23:59",
    "Conversion:1:2",
    "Conversion:1E1000000:BTC:USDT",
    "Conversion:1:BTC:USDT?maxLegs=99999999999999999999",
    "Conversion:1:BTC:USDT?" + "a=b&" * 20_000,
    "ConsensusRate:BTC/USDT:MEDIAN?maxDeviationBps=NaN",
    "ConsensusRate:BTC/USDT:MEDIAN?maxDeviationBps=1e999999",
    "ConsensusRate:BTC/USDT:MEDIAN?maxDeviationBps=1E-999999",
    "ConsensusRate:BTC/USDT:MEDIAN?maxDeviationBps=" + "9" * 50_000,
    "ConsensusRate:BTC/USDT:MEDIAN?minSources=\u0663",
    "ConsensusRate:BTC/USDT:MEDIAN?maxAgeMs=" + "9" * 5_000,
]


async def test_hostile_keys_have_typed_errors_that_show_little_of_them(subgraph: Operations) -> None:
    """None is an internal error, and none is repeated whole."""
    representations = [{"__typename": key.partition(":")[0], "id": key} for key in HOSTILE_KEYS]
    for each in (*representations, {"__typename": "Rate", "x": "y" * 50_000, "z": [[[[{}]]]] * 1_000}):
        result = await find(subgraph, each)
        assert result["data"]["_entities"] == [None]
        for error in result.get("errors", ()):
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert len(error["message"]) < 300


async def test_the_longest_operation_with_the_longest_variable_costs_little(subgraph: Operations) -> None:
    """Each malformed representation refers to the same long text; none is formatted as a whole."""
    written = " ".join('{__typename: "Rate", x: $text}' for _ in range(150))
    query = f"query($text: String) {{ _entities(representations: [{written}]) {{ __typename }} }}"
    prepared = subgraph.prepare(GraphQLRequest(query, {"text": "y" * 90_000}))
    tracemalloc.start()
    try:
        answer = await subgraph.answer(prepared)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(json.loads(answer.body)["errors"]) == 150
    assert peak < 10_000_000


@pytest.mark.parametrize("representation", ["Rate:BINANCE:BTC/USDT", 1, None, [], {}, {"__typename": 1}])
async def test_a_value_that_represents_nothing_is_refused(subgraph: Operations, representation: Json) -> None:
    """Before anything is executed."""
    with pytest.raises(OperationRejected) as refused:
        await find(subgraph, representation)
    assert refused.value.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_entities_written_into_the_document_are_found(subgraph: Operations) -> None:
    """With variables inside."""
    query = """query($id: ID!) { _entities(representations: [{__typename: "Rate", id: $id}]) { ... on Rate { price } } }"""
    prepared = subgraph.prepare(GraphQLRequest(query, variables={"id": "Rate:BINANCE:BTC/USDT"}))
    assert json.loads((await subgraph.answer(prepared)).body) == {"data": {"_entities": [{"price": "64000"}]}}


async def test_too_many_or_no_representations_are_refused(subgraph: Operations) -> None:
    """An operation of a router has a few hundred at most."""
    rate = {"__typename": "Source", "id": "Source:OKX"}
    for count in (0, MAX_ENTITIES + 1):
        result = await find(subgraph, *[rate] * count)
        assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def cost(subgraph: Operations, selection: str, *representations: Json) -> int:
    request = GraphQLRequest(ENTITIES % selection, variables={"r": list(representations)})
    return subgraph.prepare(request).cost


async def test_entities_cost_by_their_number_and_kind(subgraph: Operations) -> None:
    """Hostile ones are refused: computed entities, and many with many fields."""
    rate: Json = {"__typename": "Rate", "id": "Rate:BINANCE:BTC/USDT"}
    conversion: Json = {"__typename": "Conversion", "id": "Conversion:1:BTC:USDT"}
    one = cost(subgraph, "... on Rate { price }", rate)
    ten, hundred = (cost(subgraph, "... on Rate { price }", *[rate] * count) for count in (10, 100))
    assert hundred - one == pytest.approx(11 * (ten - one), rel=0.1)
    assert cost(subgraph, "... on Rate { price bid ask }", rate) > one
    assert cost(subgraph, "... on Rate { price }", conversion) > one + 300
    kind = SCHEMA._schema.type_map["Rate"]
    assert isinstance(kind, GraphQLObjectType)
    leaves = " ".join(name for name, each in kind.fields.items() if is_leaf_type(get_named_type(each.type)))
    for selection, each in ((f"... on Rate {{ {leaves} }}", rate), ("", conversion)):
        with pytest.raises(OperationRejected) as refused:
            cost(subgraph, selection, *[each] * MAX_ENTITIES)
        assert refused.value.errors[0]["extensions"]["code"] == "TOO_EXPENSIVE"


async def test_without_the_setting_the_fields_do_not_exist(operations: Operations) -> None:
    """Clients see them behind a router only."""
    with pytest.raises(OperationRejected, match="_service"):
        operations.prepare(GraphQLRequest("{ _service { sdl } }"))


@pytest.mark.parametrize(
    "document",
    [
        "{ _service { sdl } }",
        "{ a: __typename b: _service { sdl } }",
        "{ ...f } fragment f on Query { _service { sdl } }",
    ],
)
async def test_the_sdl_is_a_description_of_the_schema_like_introspection(
    gateway: Gateway, settings: GatewaySettings, document: str
) -> None:
    """It is refused with it; entities are found all the same."""
    closed = Operations(SCHEMA, Context.of(gateway), settings.model_copy(update={"introspection": False}))
    with pytest.raises(OperationRejected) as caught:
        closed.prepare(GraphQLRequest(document))
    assert caught.value.errors[0]["extensions"]["code"] == "INTROSPECTION_DISABLED"
    representation: Json = {"__typename": "Source", "id": "Source:BINANCE"}
    closed.prepare(GraphQLRequest(ENTITIES % "", variables={"r": [representation]}))
    Operations(SCHEMA, Context.of(gateway), settings).prepare(GraphQLRequest(document))
