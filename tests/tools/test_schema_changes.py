"""The check that the schema keeps what a release promised."""

from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema

from tools import schema_changes
from tools.schema_changes import SchemaChanges, Version, find_changes, read_releases
from tools.tracked_files import ROOT

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
    older: list[dict[tuple[int, int, int], str]] = [
        {(1, 2, 0): DEPRECATED},
        {(1, 1, 0): RELEASED, (1, 2, 0): DEPRECATED},
        {(1, 1, 9): RELEASED, (1, 2, 0): DEPRECATED, (1, 2, 1): DEPRECATED},
    ]
    for releases in older:
        assert compare(REMOVED, releases=releases).breaking


def test_a_type_goes_with_the_deprecated_fields_that_have_it() -> None:
    """Not while another field has it."""
    old = 'type Gone { a: Int } type Query { a: Int, gone: Gone @deprecated(reason: "Use `a`.") }'
    removed = (old, "type Query { a: Int }")
    assert not compare(removed, releases={(1, 1, 0): old, (1, 2, 0): old}).breaking
    used = old.replace("a: Int,", "a: Int, other: Gone,")
    assert compare((used, "type Query { a: Int }"), releases={(1, 1, 0): used, (1, 2, 0): used}).breaking


def test_a_type_that_only_an_interface_leads_to_does_not_go() -> None:
    """Nothing says that it is deprecated, and fragments on it would break."""
    old = "interface Node { id: ID! } type Gone implements Node { id: ID! } type Query { node: Node }"
    removed = ("type Gone implements Node { id: ID! } ", "")
    assert compare(removed, releases={(1, 1, 0): old, (1, 2, 0): old}).breaking


def test_an_enum_goes_with_the_deprecated_argument_that_has_it() -> None:
    """Not with one that is in use."""
    old = 'enum Gone { A } type Query { a(old: Gone @deprecated(reason: "No effect.")): Int }'
    removed = (old, "type Query { a: Int }")
    assert not compare(removed, releases={(1, 1, 0): old, (1, 2, 0): old}).breaking
    used = old.replace('@deprecated(reason: "No effect.")', "")
    assert compare((used, "type Query { a: Int }"), releases={(1, 1, 0): used, (1, 2, 0): used}).breaking


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "version", "code"),
    [
        (None, "0.1.0", 0),
        (("  price: Decimal!\n", "  renamed: Decimal!\n"), "0.1.0", 1),
        pytest.param(("  price: Decimal!\n", "  price: Decimal\n"), "0.2.0", 1, marks=pytest.mark.long),
        pytest.param(
            ("    symbol: Symbol!\n", "    symbol: Symbol!\n    must: Int!\n"),
            "0.2.0",
            1,
            marks=pytest.mark.long,
        ),
        (("enum OnStale {", "enum OnStale {\n  NEW"), "0.2.0", 1),
        (("type Rate implements Node {", "type Rate implements Node {\n  added: Int"), "0.2.0", 0),
        (("  price: Decimal!\n", "  renamed: Decimal!\n"), "1.0.0", 0),
    ],
)
def test_the_command_fails_on_a_change_of_the_real_schema_that_breaks_clients(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str] | None,
    version: str,
    code: int,
) -> None:
    """It names the type and the release; a new major version may break."""
    released = (ROOT / "docs/api/schema-0.1.0.graphql").read_text()
    (tmp_path / "docs/api").mkdir(parents=True)
    (tmp_path / "docs/api/schema-0.1.0.graphql").write_text(released)
    (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    if change is not None:
        assert change[0] in released
        released = released.replace(*change)
    (tmp_path / "schema.graphql").write_text(released)
    monkeypatch.setattr(schema_changes, "ROOT", tmp_path)
    assert schema_changes.main() == code
    assert ("It breaks clients of 0.1.0." in capsys.readouterr().err) == (code == 1 or version == "1.0.0")


def test_without_the_schema_of_a_release_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a renamed folder would switch the check off."""
    (tmp_path / "docs/api").mkdir(parents=True)
    monkeypatch.setattr(schema_changes, "ROOT", tmp_path)
    assert schema_changes.main() == 1


def test_the_schema_of_each_release_is_committed_and_whole() -> None:
    """The first one is that of 0.1.0."""
    releases = read_releases()
    assert (0, 1, 0) in releases
    assert all(isinstance(each, GraphQLSchema) and each.query_type for each in releases.values())
