"""Limits of a document are kept before anything costs time."""

import gc
import tracemalloc

import pytest
from graphql import get_introspection_query, parse

from gateway.schema.build import build_schema
from gateway.schema.documents import DocumentCache, Limits, check_limits
from gateway.schema.sdl import main
from gateway.settings import GatewaySettings
from tests.cost import costs_at_most

SETTINGS = GatewaySettings()
LIMITS = Limits(SETTINGS.max_tokens, SETTINGS.max_depth, SETTINGS.max_aliases, SETTINGS.max_pairs)


def messages(text: str) -> list[str]:
    return [error.message for error in check_limits(parse(text), LIMITS)]


def test_the_introspection_of_editors_is_within_the_limits() -> None:
    """GraphiQL and code generators depend on it."""
    text = get_introspection_query(input_value_deprecation=True)
    assert messages(text) == []
    cache = DocumentCache(build_schema()._schema, LIMITS, size=1)
    assert cache.read(text).errors == ()


def test_aliases_are_counted_through_fragments() -> None:
    """Each time the fragment is spread."""
    fields = " ".join(f"a{number}: __typename" for number in range(26))
    assert messages(f"{{ ...F ...F }} fragment F on Query {{ {fields} }}") == [
        "the document is 52 aliases: expected at most 50"
    ]


def test_depth_is_counted_through_fragments() -> None:
    """Twenty levels are allowed, one more is not."""
    assert messages("{a" * 20 + "}" * 20) == []
    assert messages("{ x { ...F } } fragment F on Query " + "{a" * 20 + "}" * 20) == [
        "the document is 21 levels deep: expected at most 20"
    ]


def test_a_long_alias_is_refused_wherever_it_is() -> None:
    """It would be repeated for each of thousands of rates: 100 KB would be answered with 100 MB."""
    for text in (
        "{ %s: rates { cursor } }",
        "{ rates { items { %s: price } } }",
        "{ rates { ... on RateList { items { ...F } } } } fragment F on Rate { %s: price }",
    ):
        assert messages(text % ("a" * 100)) == []
        assert messages(text % ("a" * 101)) == [
            "the document has an alias of 101 characters: expected at most 100"
        ]
    assert messages('{ rates(symbols: "%s") { cursor } }' % ("a" * 101)) == []


def test_fragments_that_multiply_are_measured_at_once() -> None:
    """Forty levels of two would be a million million fields."""
    chain = "".join(f"fragment F{n} on Query {{ ...F{n + 1} x: a ...F{n + 1} }} " for n in range(40))
    with costs_at_most(1):
        assert messages(f"{{ ...F0 }} {chain} fragment F40 on Query {{ a }}")


def test_a_cycle_of_fragments_ends() -> None:
    """Validation refuses it afterwards."""
    assert messages("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "{" + "rates { cursor } " * 490 + "}",
        "{" + "rates { items { id } } " * 280 + "}",
        "{" + "... { rates { cursor } } " * 240 + "}",
        "{" + ("rates { " + "items { id } " * 13 + "} ") * 50 + "}",
        "{" + "...F " * 900 + "} fragment F on Query { rates { cursor } }",
        "{" + " ".join(f"...F{n}" for n in range(150)) + "}"
        + "".join(f"fragment F{n} on Query {{ rates {{ cursor }} }}" for n in range(150)),
        "{ ...F0 }"
        + "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(170))
        + "fragment F170 on Query { a }",
        "{" + "a " * 1_990 + "}",
    ],
)  # fmt: skip
def test_fields_that_would_take_long_to_compare_are_refused_at_once(text: str) -> None:
    """Validation compares fields of one path in pairs: seconds for a document within the limits."""
    with costs_at_most(0.5):
        assert len(messages(text)) >= 1


def test_a_field_may_be_repeated_within_reason() -> None:
    """Fragments of components that each select what they need do."""
    fragments = "".join(f"fragment F{n} on Query {{ rates {{ items {{ id price }} }} }}" for n in range(40))
    assert messages("{" + " ".join(f"...F{n}" for n in range(40)) + "}" + fragments) == []


def test_the_cache_keeps_a_document_that_comes_again_and_forgets_the_oldest() -> None:
    """Bounded, and what is kept is the same object."""
    cache = DocumentCache(build_schema()._schema, LIMITS, size=1)
    cache.read("{ __typename }")
    assert cache.find("{ __typename }") is None
    kept = cache.read("{ __typename }")
    assert cache.read("{ __typename }") is kept
    cache.read("{ sources { state } }")
    assert cache.read("{ __typename }") is kept
    cache.read("{ sources { state } }")
    assert cache.read("{ __typename }") is not kept


@pytest.mark.slow
def test_documents_that_never_come_again_take_no_memory() -> None:
    """Clients that write values into their documents would replace what others use."""
    cache = DocumentCache(build_schema()._schema, LIMITS, size=1_000)
    for _ in range(2):
        cache.read("{ sources { state } }")
    weight = cache.weight
    for number in range(300):
        cache.read(f'{{ rate(symbol: "A{number}/USDT") {{ price }} }}')
    assert cache.weight == weight


@pytest.mark.slow
def test_the_weight_of_a_document_is_what_it_takes_in_memory() -> None:
    """The bound in bytes would mean nothing otherwise."""
    cache = DocumentCache(build_schema()._schema, LIMITS, size=1_000)
    texts = [
        f'query Q{n} {{ rate(symbol: "A{n}/USDT") {{ id price bid ask }} sources {{ state }} }}'
        for n in range(100)
    ]
    for text in texts:
        cache.read(text)
    gc.collect()
    tracemalloc.start()
    try:
        for text in texts:
            cache.read(text)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.weight / 3 < taken < cache.weight


@pytest.mark.parametrize("number", ["9" * 5_000, "1." + "0" * 5_000, "-" + "9" * 1_000])
def test_a_number_of_thousands_of_digits_is_refused_in_words(number: str) -> None:
    """Python refuses to read it, which would count as an error of ours."""
    cache = DocumentCache(build_schema()._schema, LIMITS, size=1)
    (error,) = cache.read(f"{{ instruments(first: {number}) {{ totalCount }} }}").errors
    assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}
    assert "1000 digits" in error.message


def test_the_committed_schema_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m gateway.schema.sdl` renews it."""
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_everything_in_the_schema_is_described() -> None:
    """Types, fields, arguments and enum values alike."""
    bare = []
    for name, kind in build_schema()._schema.type_map.items():
        if name.startswith("__") or name in {"Int", "Float", "String", "Boolean", "ID"}:
            continue
        parts = {name: kind.description}
        for field, definition in getattr(kind, "fields", {}).items():
            parts[f"{name}.{field}"] = definition.description
            for argument, details in getattr(definition, "args", {}).items():
                parts[f"{name}.{field}({argument})"] = details.description
        for value, details in getattr(kind, "values", {}).items():
            parts[f"{name}.{value}"] = details.description
        bare += [part for part, description in parts.items() if not description]
    assert bare == []
