"""Readers of variables accept nothing that graphql-core refuses, with equal values."""

import json
from decimal import Decimal
from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_variable_values, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fastpath.query_template import read_lists
from gateway.fastpath.selection import NotOnFastPath
from gateway.fastpath.variable_reader import VariableReader
from gateway.schema.build import build_schema
from rates.source import Source
from rates.symbol import Symbol
from tests.json_types import Json
from tests.lengths import at_length

SCHEMA = build_schema()._schema
TYPES = ["Symbol", "SourceId", "OnStale", "Int", "Float", "Boolean", "String", "ID", "Decimal", "AssetCode"]

leaves = st.one_of(
    st.sampled_from(["BTC/USDT", "ETH/USDT", "btc/usdt", "BINANCE", "OMIT", "1.50", "1e3", "", "é", "x" * 70, '"', "\\", "\n"]),
    st.sampled_from([0, 5, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 10**400, 1.0, 1.5, 1e300, -0.0]),
    st.none(),
    st.booleans(),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
)


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """A type of a variable, and sometimes a default value."""
    name = draw(st.sampled_from(TYPES))
    inner = name + draw(st.sampled_from(["", "!"]))
    kind = draw(st.sampled_from([name, f"{name}!", f"[{inner}]", f"[{inner}]!", f"[[{inner}]]"]))
    default = draw(
        st.sampled_from(["", "", " = null", ' = "BTC/USDT"', " = 5", " = true", " = BINANCE", " = []"])
    )
    return kind + default


def read_operation(text: str) -> OperationDefinitionNode:
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def read_all(reader: VariableReader, variables: bytes) -> dict[str, Any] | None:
    """The values, with those of lists that are read later."""
    values = reader.read(variables)
    try:
        return None if values is None else read_lists(values)
    except NotOnFastPath:
        return None


def encode(variables: Json) -> bytes:
    return json.dumps(variables, ensure_ascii=False).encode()


@pytest.mark.slow
@settings(max_examples=at_length(400), deadline=None)
@given(
    kinds=st.lists(definitions(), max_size=3),
    given_values=st.dictionaries(st.sampled_from(["v0", "v1", "v2", "other"]), values, max_size=4),
)
def test_what_a_reader_accepts_has_the_values_of_graphql_core(
    kinds: list[str], given_values: dict[str, Json]
) -> None:
    """Also the types of the values are the same, and absent variables are absent."""
    listed = ", ".join(f"$v{number}: {kind}" for number, kind in enumerate(kinds))
    operation = read_operation(f"query{f'({listed})' if kinds else ''} {{ __typename }}")
    try:
        reader = VariableReader(SCHEMA, operation)
    except NotOnFastPath:
        return
    for _ in range(2):
        read = read_all(reader, encode(given_values))
        if read is not None:
            expected = get_variable_values(SCHEMA, operation.variable_definitions or (), given_values)
            assert not isinstance(expected, list)
            assert read == expected.coerced
            assert repr(read) == repr(expected.coerced)


ACCEPTED: list[tuple[str, Json, object]] = [
    ("[Symbol!]!", ["BTC/USDT", "ETH/USDT"], [Symbol("BTC", "USDT"), Symbol("ETH", "USDT")]),
    ("[Symbol!]", None, None),
    ("Symbol", "BTC/USDT", Symbol("BTC", "USDT")),
    ("[SourceId!]", ["BINANCE"], [Source.BINANCE]),
    ("Int", 5, 5),
    ("Float", 5, 5.0),
    ("Float!", 1.25, 1.25),
    ("Boolean!", True, True),
    ("String", "é", "é"),
    ("[Int]", [1, None], [1, None]),
    ("Decimal", "1.50", Decimal("1.50")),
]


@pytest.mark.parametrize(("kind", "value", "expected"), ACCEPTED)
def test_ordinary_values_are_accepted(kind: str, value: Json, expected: object) -> None:
    """A reader that refused everything would be of no use."""
    reader = VariableReader(SCHEMA, read_operation(f"query($v: {kind}) {{ __typename }}"))
    assert read_all(reader, encode({"v": value})) == {"v": expected}
    assert reader.read(b"{}") == (None if kind.endswith("!") else {})


@pytest.mark.parametrize(
    "variables",
    [
        b"",
        b"[]",
        b"null",
        b'{"v": 5',
        b'{"v": 5, "v": 5}',
        b'{"v": 5, "other": 1}',
        b'{"v": "\\u0035"}',
        b'{"v": 5.0}',
    ],
)
def test_what_is_not_plain_is_left_to_graphql_core(variables: bytes) -> None:
    """Among it variables that are given twice, and unknown ones."""
    reader = VariableReader(SCHEMA, read_operation("query($v: Int) { __typename }"))
    assert reader.read(variables) is None


def test_null_and_absence_are_different_shapes() -> None:
    """Arguments differ by them, and selections by Booleans."""
    reader = VariableReader(SCHEMA, read_operation("query($a: Int, $b: Boolean!, $c: Int!) { __typename }"))
    found = {
        reader.shape(read)
        for a in ({}, {"a": None}, {"a": 1}, {"a": 2})
        for b in (True, False)
        for c in (1, 2)
        if (read := reader.read(encode({**a, "b": b, "c": c}))) is not None
    }
    assert len(found) == 3 * 2
