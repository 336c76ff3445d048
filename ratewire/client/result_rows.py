"""Rows of a GraphQL result, with the columns of its document. Pure.

A row is an item of a list, or the whole result where that has no list. Objects inside of a row become columns with dotted
names, and lists inside of a row become JSON. All rows of a document have the same columns, whatever is null in them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

Path = tuple[str, ...]


class SelectedFields(dict[str, "SelectedFields | None"]):
    """Selected fields by their names in the result; `None` for a leaf."""


class RowTable(NamedTuple):
    """Rows of one result.

    `others` has the lengths of the lists that are not among them.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    others: Mapping[str, int]


class UnknownRows(Exception):
    """A path that leads to no object or list; `known` are the paths that do."""

    def __init__(self, path: str, known: Sequence[str]) -> None:
        super().__init__(f"{path!r} is no object or list of the document: expected one of {', '.join(known)}")


def read_selection(document: DocumentNode, operation: OperationDefinitionNode) -> SelectedFields:
    """Return what an operation selects, whatever its directives and type conditions."""
    fragments = {
        each.name.value: each.selection_set
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    selection = SelectedFields()
    _collect(selection, operation.selection_set, fragments, frozenset())
    return selection


def _collect(
    into: SelectedFields,
    selected: SelectionSetNode,
    fragments: Mapping[str, SelectionSetNode],
    entered: frozenset[str],
) -> None:
    for each in selected.selections:
        if isinstance(each, FieldNode):
            name = each.alias.value if each.alias else each.name.value
            inner = into.setdefault(name, None)
            if each.selection_set is not None:
                if inner is None:
                    inner = into[name] = SelectedFields()
                _collect(inner, each.selection_set, fragments, entered)
        elif isinstance(each, InlineFragmentNode):
            _collect(into, each.selection_set, fragments, entered)
        elif isinstance(each, FragmentSpreadNode):
            name = each.name.value
            # The gateway reports an unknown or circular fragment.
            if name in fragments and name not in entered:
                _collect(into, fragments[name], fragments, entered | {name})


def find_rows(selection: SelectedFields, data: Mapping[str, Any], path: str | None = None) -> Path:
    """Return the path of the rows: `path`, else the first list, else the only object.

    Raises:
        UnknownRows: `path` leads nowhere.
    """
    if path is not None:
        wanted = tuple(path.split("."))
        if _select(selection, wanted) is None:
            raise UnknownRows(path, [".".join(each) for each in _list_paths(selection)])
        return wanted
    for found in _find_lists(selection, data):
        return found
    place: Path = ()
    inner: SelectedFields | None = selection
    while inner is not None and len(inner) == 1:
        ((name, inner),) = inner.items()
        if inner is not None:
            place = (*place, name)
    return place


def read_rows(selection: SelectedFields, data: Mapping[str, Any], path: Path) -> RowTable:
    """Return the rows at `path`; none where that is null."""
    fields = _select(selection, path)
    assert fields is not None, "`find_rows` has found it"
    items = _flatten(_follow(data, path))
    columns = list(_list_columns(fields))
    rows = [[_format(_follow(item, column)) for column in columns] for item in items if item is not None]
    others = {
        ".".join(each): len(_flatten(_follow(data, each)))
        for each in _find_lists(selection, data)
        if each != path
    }
    return RowTable([".".join(each) for each in columns], rows, others)


def _select(selection: SelectedFields, path: Path) -> SelectedFields | None:
    inner: SelectedFields | None = selection
    for name in path:
        inner = None if inner is None else inner.get(name)
    return inner


def _list_paths(selection: SelectedFields, path: Path = ()) -> Iterator[Path]:
    for name, inner in selection.items():
        if inner is not None:
            yield (*path, name)
            yield from _list_paths(inner, (*path, name))


def _find_lists(selection: SelectedFields, data: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    for name, inner in selection.items():
        value = data.get(name)
        if inner is not None and isinstance(value, list):
            yield (*path, name)
        elif inner is not None and isinstance(value, Mapping):
            yield from _find_lists(inner, value, (*path, name))


def _list_columns(selection: SelectedFields, path: Path = ()) -> Iterator[Path]:
    for name, inner in selection.items():
        if inner is None:
            yield (*path, name)
        else:
            yield from _list_columns(inner, (*path, name))


def _follow(value: Any, path: Path) -> Any:
    """Return the value at a path. Through lists it is the list of the values in their items."""
    for place, name in enumerate(path):
        if isinstance(value, list):
            return [_follow(item, path[place:]) for item in value]
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _flatten(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [item for each in value for item in _flatten(each)]


def _format(value: Any) -> str:
    """Format a cell: null is empty, text is as it is, all else is JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
