"""The selected fields of an operation, with fragments, duplicates and directives resolved."""

from typing import NamedTuple

from graphql import FieldNode, GraphQLObjectType


class SelectedField(NamedTuple):
    """A field, and its selections by the object types that it may have: none for a leaf."""

    name: str
    node: FieldNode
    kinds: tuple[tuple[GraphQLObjectType, tuple["SelectedField", ...]], ...]
