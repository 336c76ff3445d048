"""The directives of the SDL have the figures of the cost model."""

from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    build_schema,
    get_named_type,
    get_variable_values,
    is_leaf_type,
    parse,
    value_from_ast_untyped,
)

from gateway.schema import build, federation
from gateway.schema.documents import CheckedDocument, make_operation_key
from gateway.schema.query_cost import CostModel
from gateway.schema.sdl import SDL_PATH
from gateway.state.instrument_pages import MAX_PAGE
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

SDL = build_schema(SDL_PATH.read_text())
SCHEMA = build.build_schema()._schema


class Catalog:
    """Two symbols at one source each."""

    version = "1"

    def __init__(self) -> None:
        bases = ("BTC", "ETH")
        self.tracked = {TickerKey(Source.BINANCE, Symbol(base, "USDT")): object() for base in bases}
        self.halted: dict[TickerKey, object] = {}

    def sources_of(self, symbol: Symbol) -> frozenset[Source]:
        """The source of a symbol."""
        return frozenset(key.source for key in self.tracked if key.symbol == symbol)


def read_directive(owner: Any, name: str) -> dict[str, Any]:
    """The arguments of a directive in the SDL."""
    for node in owner.ast_node.directives or ():
        if node.name.value == name:
            return {each.name.value: value_from_ast_untyped(each.value) for each in node.arguments or ()}
    return {}


def weight_of(owner: Any) -> float:
    """The weight of a type or field; 0 if it has none."""
    return float(read_directive(owner, "cost").get("weight", 0)) if owner.ast_node else 0


class Calculator:
    """Computes costs from the SDL alone, as a tool would that knows the specification."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    def cost(self, document: DocumentNode) -> float:
        """The points of an operation without fragments and variables."""
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        assert self._schema.query_type is not None
        return self._sum(self._schema.query_type, operation.selection_set.selections, {})

    def _sum(self, parent: GraphQLObjectType, fields: Any, sizes: dict[str, int]) -> float:
        return sum(self._field(parent, field, sizes) for field in fields)

    def _field(self, parent: GraphQLObjectType, field: FieldNode, sizes: dict[str, int]) -> float:
        definition = parent.fields[field.name.value]
        kind = get_named_type(definition.type)
        if is_leaf_type(kind):
            return weight_of(definition) or weight_of(kind)
        assert isinstance(kind, GraphQLObjectType)
        size = read_directive(definition, "listSize")
        length = self._length(size, field)
        inside = dict.fromkeys(size.get("sizedFields") or (), length)
        assert field.selection_set is not None
        each = weight_of(kind) + self._sum(kind, field.selection_set.selections, inside)
        count = sizes.get(field.name.value, length if size and not inside else 1)
        return weight_of(definition) + count * each

    @staticmethod
    def _length(size: dict[str, Any], field: FieldNode) -> int:
        given = {each.name.value: each.value for each in field.arguments or ()}
        for name in size.get("slicingArguments") or ():
            value = given.get(name)
            if isinstance(value, IntValueNode):
                return int(value.value)
        named = given.get("symbols") or given.get("ids")
        if isinstance(named, ListValueNode):
            return len(named.values)
        return size.get("assumedSize") or 1


# What no directive can say: points for each item of a page, and for each symbol that may be unknown.
EXACT = [
    ('{ rate(symbol: "BTC/USDT") { id price symbol ageMs freshness source { code name } } }', 0),
    ('{ rates(symbols: ["BTC/USDT", "ETH/USDT"]) { cursor items { price instrument { name } } } }', 2 * 8),
    (
        '{ instrument(symbol: "BTC/USDT", source: BINANCE) { id symbol rate { price } rates { price ageMs } } }',
        0,
    ),
    ("{ instruments(first: 7) { nodes { id symbol name } } }", 7 * 5),
    ("{ sources { state source { code } reason } }", 0),
    (
        '{ candles(symbol: "BTC/USDT", interval: M1, last: 9) { cursor items { open close } gaps { from } } }',
        0,
    ),
    ('{ trades(symbol: "BTC/USDT", source: BINANCE, last: 5) { price } }', 0),
    ('{ consensusRate(symbol: "BTC/USDT") { price contributions { included rate { price } } } }', 0),
]


@pytest.mark.parametrize(("text", "besides"), EXACT)
def test_the_directives_give_the_cost_of_the_model(text: str, besides: float) -> None:
    """Computed by a calculator that knows nothing but the SDL."""
    document = parse(text)
    model = CostModel(SCHEMA, Catalog(), max_page=MAX_PAGE, max_symbols=500, limit=10**9)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    values = get_variable_values(SCHEMA, [], {})
    assert not isinstance(values, list)
    checked = CheckedDocument(document, (), {}, {}, {})
    compiled = model.compile(checked, operation, values, make_operation_key(operation, values))
    expected = model.query_cost(compiled, values)
    found = Calculator(SDL).cost(document) + besides
    assert expected == pytest.approx(found, abs=1)


def test_every_object_and_leaf_has_a_weight() -> None:
    """None is free by mistake."""
    for name, kind in SDL.type_map.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            for field_name, field in kind.fields.items():
                named = get_named_type(field.type)
                is_priced = weight_of(field) or weight_of(named)
                assert is_priced or not is_leaf_type(named), f"{name}.{field_name}"


def test_the_schema_of_a_subgraph_has_none_of_them() -> None:
    """Those of federation have the same names, and other arguments."""
    sdl = federation.print_subgraph_sdl()
    assert "@cost" not in sdl
    assert "@listSize" not in sdl
    assert "@key(" in sdl
