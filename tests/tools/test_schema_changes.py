"""The check that the schema keeps what a release promised."""

import pytest
from graphql import GraphQLSchema, build_schema

from tools.schema_changes import SchemaChanges, Version, find_changes, read_releases

RELEASED = """
  interface Node { id: ID! }
  "More values may follow." enum Open { A B }
  "All values." enum Closed { A B }
  input Filter { open: Open, first: Int = 50 }
  type Rate implements Node { id: ID!, price: String!, bid: String }
  type Query { rate(symbol: String!, maxAgeMs: Int = 10): Rate, closed: Closed, node(filter: Filter): Node }
"""


def compare(change: tuple[str, str], *, releases: dict[Version, str] | None = None) -> SchemaChanges:
    """The changes from the newest release to it with one text replaced."""
    before, after = change
    built = {version: build_schema(text) for version, text in (releases or {(0, 1, 0): RELEASED}).items()}
    newest = (releases or {(0, 1, 0): RELEASED})[max(built)]
    assert before in newest
    return find_changes(built, build_schema(newest.replace(before, after)))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ((", bid: String", ""), "FIELD_REMOVED"),
        (("price: String!", "price: String"), "FIELD_CHANGED_KIND"),
        (("price: String!", "price: Int!"), "FIELD_CHANGED_KIND"),
        (("type Rate implements Node", "type Rate"), "IMPLEMENTED_INTERFACE_REMOVED"),
        ((", maxAgeMs: Int = 10", ""), "ARG_REMOVED"),
        (("maxAgeMs: Int = 10", "maxAgeMs: Int! = 10"), "ARG_CHANGED_KIND"),
        (("maxAgeMs: Int = 10", "maxAgeMs: Int = 20"), "ARG_DEFAULT_VALUE_CHANGE"),
        (("symbol: String!", "symbol: String!, source: Open!"), "REQUIRED_ARG_ADDED"),
        (("first: Int = 50", "first: Int = 20"), "INPUT_FIELD_DEFAULT_VALUE_CHANGE"),
        (("first: Int = 50", "first: Int = 50, base: Int!"), "REQUIRED_INPUT_FIELD_ADDED"),
        (("enum Open { A B }", "enum Open { A }"), "VALUE_REMOVED_FROM_ENUM"),
        (("enum Closed { A B }", "enum Closed { A B C }"), "VALUE_ADDED_TO_ENUM"),
    ],
)
def test_what_breaks_a_client_is_refused(change: tuple[str, str], kind: str) -> None:
    """Also other defaults, and values of an enum whose description does not announce them."""
    changes = compare(change)
    assert [each.partition(":")[0] for each in changes.breaking] == [kind]


@pytest.mark.parametrize(
    ("change", "dangerous"),
    [
        (("bid: String", "bid: String, ask: String"), []),
        (("bid: String", "bid: String!"), []),
        (("bid: String", 'bid: String @deprecated(reason: "Use `price`.")'), []),
        (("type Query {", "type Trade { price: String } type Query { trades: [Trade!], "), []),
        (("symbol: String!", "symbol: String"), []),
        (("symbol: String!", "symbol: String!, source: Open"), ["OPTIONAL_ARG_ADDED"]),
        (("first: Int = 50", "first: Int = 50, base: Int"), ["OPTIONAL_INPUT_FIELD_ADDED"]),
        (("enum Open { A B }", "enum Open { A B C }"), ["VALUE_ADDED_TO_ENUM"]),
    ],
)
def test_additions_are_free(change: tuple[str, str], dangerous: list[str]) -> None:
    """Those that a careless client could notice are listed."""
    changes = compare(change)
    assert changes.breaking == []
    assert [each.partition(":")[0] for each in changes.dangerous] == dangerous


DEPRECATED = RELEASED.replace("bid: String", 'bid: String @deprecated(reason: "Use `price`.")')
REMOVED = (', bid: String @deprecated(reason: "Use `price`.")', "")


def test_a_field_goes_after_it_was_deprecated_for_two_minor_versions() -> None:
    """Patches of one minor version count once."""
    assert not compare(REMOVED, releases={(1, 1, 0): DEPRECATED, (1, 2, 0): DEPRECATED}).breaking
    for releases in (
        {(1, 2, 0): DEPRECATED},
        {(1, 1, 0): RELEASED, (1, 2, 0): DEPRECATED},
        {(1, 1, 9): RELEASED, (1, 2, 0): DEPRECATED, (1, 2, 1): DEPRECATED},
    ):
        assert compare(REMOVED, releases=releases).breaking


def test_a_type_goes_with_the_deprecated_fields_that_have_it() -> None:
    """Not while another field has it."""
    old = 'type Gone { a: Int } type Query { a: Int, gone: Gone @deprecated(reason: "Use `a`.") }'
    removed = (old, "type Query { a: Int }")
    assert not compare(removed, releases={(1, 1, 0): old, (1, 2, 0): old}).breaking
    used = old.replace("a: Int,", "a: Int, other: Gone,")
    assert compare((used, "type Query { a: Int }"), releases={(1, 1, 0): used, (1, 2, 0): used}).breaking


def test_the_schema_of_each_release_is_committed_and_whole() -> None:
    """The first one is that of 0.1.0."""
    releases = read_releases()
    assert (0, 1, 0) in releases
    assert all(isinstance(each, GraphQLSchema) and each.query_type for each in releases.values())
