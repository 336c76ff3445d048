"""Report changes of `schema.graphql` that break clients of the last release.

`docs/api/schema-X.Y.Z.graphql` is the schema of each release. `docs/api/compatibility.md` has the rules.
"""

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLSchema,
    build_schema,
    get_named_type,
)
from graphql.utilities.find_schema_changes import (
    BreakingChange,
    BreakingChangeType,
    DangerousChange,
    DangerousChangeType,
    SchemaChange,
    find_schema_changes,
)

from tools.tracked_files import ROOT

# Minor versions for which an element must have been deprecated before it may be removed.
DEPRECATED_FOR = 2
# Their meaning changes for clients that do not change.
ALSO_BREAKING = {
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE,
}
REMOVALS = {
    BreakingChangeType.FIELD_REMOVED,
    BreakingChangeType.ARG_REMOVED,
    BreakingChangeType.VALUE_REMOVED_FROM_ENUM,
}
_NAME = re.compile(r"schema-(\d+)\.(\d+)\.(\d+)\.graphql$")
_PLACE = re.compile(r"(\w+)\.(\w+)(?:\((\w+):\))?")
_TYPE = re.compile(r"(\w+) was removed\.")
_OPEN = re.compile(r"[Mm]ore \w+ may follow")

Version = tuple[int, int, int]


class SchemaChanges(NamedTuple):
    """The changes since the last release: those that are refused, and those to be looked at."""

    breaking: list[str]
    dangerous: list[str]


def find_changes(releases: Mapping[Version, GraphQLSchema], schema: GraphQLSchema) -> SchemaChanges:
    """Compare the schema with that of the newest of these releases."""
    minors = {version[:2]: version for version in sorted(releases)}
    newest = [releases[minors[minor]] for minor in sorted(minors, reverse=True)[:DEPRECATED_FOR]]
    changes = SchemaChanges([], [])
    for change in find_schema_changes(newest[0], schema):
        if isinstance(change, BreakingChange | DangerousChange):
            found = changes.breaking if _is_refused(change, newest) else changes.dangerous
            found.append(f"{change.type.name}: {change.description}")
    return changes


def _is_refused(change: SchemaChange, newest: Sequence[GraphQLSchema]) -> bool:
    if isinstance(change, BreakingChange):
        return len(newest) < DEPRECATED_FOR or not all(_may_go(change, schema) for schema in newest)
    if change.type is DangerousChangeType.VALUE_ADDED_TO_ENUM:
        return not _is_open(change, newest[0])
    return change.type in ALSO_BREAKING


def _may_go(change: BreakingChange, schema: GraphQLSchema) -> bool:
    """Tell whether what was removed is deprecated in a release, or no longer part of it."""
    if change.type is BreakingChangeType.TYPE_REMOVED:
        named = _TYPE.search(change.description)
        users = _list_users(schema, named[1]) if named else []
        # A type without any is reached through an interface or a union, whose fields do not tell.
        return bool(users) and all(map(_is_deprecated, users))
    place = _PLACE.search(change.description)
    if change.type not in REMOVALS or place is None:
        return False
    element = _find(schema, *place.groups())
    return element is not None and _is_deprecated(element)


def _find(schema: GraphQLSchema, type_name: str, name: str, argument: str | None) -> object | None:
    kind = schema.get_type(type_name)
    found = (getattr(kind, "values", None) or getattr(kind, "fields", {})).get(name)
    return found if argument is None or found is None else found.args.get(argument)


def _is_deprecated(element: object) -> bool:
    return getattr(element, "deprecation_reason", None) is not None


def _list_users(schema: GraphQLSchema, type_name: str) -> list[object]:
    """Return the fields of other types, and the arguments, that have the type."""
    fields = [
        field
        for name, kind in schema.type_map.items()
        if name != type_name
        for field in getattr(kind, "fields", {}).values()
    ]
    arguments = [argument for field in fields for argument in getattr(field, "args", {}).values()]
    return [each for each in [*fields, *arguments] if get_named_type(each.type).name == type_name]


def _is_open(change: DangerousChange, schema: GraphQLSchema) -> bool:
    place = _PLACE.search(change.description)
    kind = schema.get_type(place[1]) if place else None
    return isinstance(kind, GraphQLEnumType) and bool(_OPEN.search(kind.description or ""))


def read_releases() -> dict[Version, GraphQLSchema]:
    """Read the schema of each release."""
    releases = {}
    for path in (ROOT / "docs/api").glob("schema-*.graphql"):
        if match := _NAME.search(path.name):
            major, minor, patch = map(int, match.groups())
            releases[major, minor, patch] = build_schema(path.read_text(encoding="utf-8"))
    return releases


def main() -> int:
    """Print the changes since the last release; return 1 if one breaks its clients."""
    releases = read_releases()
    if not releases:
        sys.stderr.write("docs/api/ has no schema of a release: expected schema-X.Y.Z.graphql\n")
        return 1
    schema = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released = max(releases)
    changes = find_changes(releases, schema)
    for line in changes.dangerous:
        sys.stdout.write(f"schema: {line}\n")
    for line in changes.breaking:
        sys.stderr.write(f"schema: {line} It breaks clients of {'.'.join(map(str, released))}.\n")
    is_new_major = int(project["version"].partition(".")[0]) > released[0]
    return 1 if changes.breaking and not is_new_major else 0


if __name__ == "__main__":
    sys.exit(main())
