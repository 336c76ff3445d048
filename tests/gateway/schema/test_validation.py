"""Documents are validated as graphql-core does it, and leave no garbage."""

import gc
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSchema, get_introspection_query, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from gateway.schema.build import build_schema
from gateway.schema.documents import RULES, DocumentCache, Limits
from gateway.schema.validation import validate_document
from gateway.settings import GatewaySettings

SETTINGS = GatewaySettings()
LIMITS = Limits(SETTINGS.max_tokens, SETTINGS.max_depth, SETTINGS.max_aliases, SETTINGS.max_pairs)
VALID = [
    "{ rates { items { symbol price bid } cursor } }",
    "query One($symbol: Symbol!, $age: Int = 5) { rate(symbol: $symbol, maxAgeMs: $age) { ...F } } fragment F on Rate { price ask }",
    "subscription { rates(maxSilenceMs: 20000) { kind items { symbol price } } }",
    get_introspection_query(),
]
INVALID = [
    "{ nothing }",
    "{ rates } { rates { cursor } }",
    "{ rates { items { price: bid price } } }",
    '{ rate(symbol: "x") { price { x } } rate(symbol: 5, no: {a: 1, a: 2}) { price } }',
    "query A($x: Int, $x: Nope) { rates(symbols: $y) @include(if: 1) { items @skip { price } } }",
    "subscription { rates { items { price } } sources { state } }",
    "mutation { x }",
    "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F } fragment Unused on Rate { price }",
    "{" + "nothing " * 30 + "}",
]
# More tokens than the gateway reads by default.
NESTED = "{ ...F0 }" + "".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(250))
PIECES = sorted(
    {*" ".join(VALID[:3]).replace("{", " { ").replace("}", " } ").split(), "$symbol", "...F", "@skip", "1"}
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()._schema


def describe(errors: list[GraphQLError]) -> list[Any]:
    return [error.formatted for error in errors]


def assert_same(schema: GraphQLSchema, text: str, *, hide_suggestions: bool = False) -> None:
    """Assert that both find the same errors in the same places."""
    expected = validate(schema, parse(text), RULES, max_errors=20, hide_suggestions=hide_suggestions)
    seen = validate_document(schema, parse(text), RULES, max_errors=20, hide_suggestions=hide_suggestions)
    assert describe(seen) == describe(expected)


@pytest.mark.parametrize("text", [*VALID, *INVALID, NESTED])
def test_errors_are_those_of_the_library(schema: GraphQLSchema, text: str) -> None:
    """Each rule, too many errors, and fragments that are nested too deeply."""
    assert_same(schema, text)
    assert_same(schema, text, hide_suggestions=True)


@given(base=st.sampled_from(VALID[:3]), data=st.data())
def test_errors_of_changed_documents_are_those_of_the_library(
    schema: GraphQLSchema, base: str, data: st.DataObject
) -> None:
    """One or two pieces of a valid document are replaced by others."""
    pieces = base.replace("{", " { ").replace("}", " } ").split()
    for _ in range(data.draw(st.integers(1, 2))):
        pieces[data.draw(st.integers(0, len(pieces) - 1))] = data.draw(st.sampled_from(PIECES))
    text = " ".join(pieces)
    try:
        parse(text)
    except GraphQLError:
        return
    assert_same(schema, text)


@pytest.mark.slow
def test_new_documents_leave_nothing_to_the_garbage_collector(schema: GraphQLSchema) -> None:
    """They left a thousand objects each: the collector then took 30 to 120 ms at once."""
    cache = DocumentCache(schema, LIMITS, size=10)
    # A cycle of fragments leaves some: the document is refused.
    texts = [*VALID, *(each for each in INVALID if "fragment G" not in each)]
    for text in texts:
        cache.read(text)
    gc.collect()
    gc.disable()
    try:
        for number in range(10):
            for text in texts:
                cache.read(f"{text} # {number}")
        found = gc.collect()
    finally:
        gc.enable()
    assert found < 10 * len(texts) * 2
