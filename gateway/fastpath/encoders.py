"""Writes values as the executor and the encoder would, field by field, without anything between.

What each type's fields are called and how they are serialised is read from the schema.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
)

from gateway.fastpath.selection import TYPENAME, Field, NotOnFastPath, Selection

Writer = Callable[[Any], bytes]
Attribute = tuple[str, Writer]

_encode = msgspec.json.Encoder().encode


def encode_key(key: str) -> bytes:
    """The name of a field in an object."""
    return _encode(key) + b":"


def read_attribute(schema: GraphQLSchema, kind: GraphQLObjectType, name: str) -> Attribute:
    """Under which name a value has the field, and how it is written.

    Raises:
        NotOnFastPath: it is not a plain leaf.
    """
    field = kind.fields[name]
    definition = field.extensions.get("strawberry-definition")
    if field.args or definition is None or definition.base_resolver is not None:
        raise NotOnFastPath
    is_nullable = not isinstance(field.type, GraphQLNonNull)
    leaf = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    if isinstance(leaf, GraphQLList) or not isinstance(leaf, GraphQLLeafType):
        raise NotOnFastPath
    return definition.python_name, _leaf_writer(schema.type_map[leaf.name], is_nullable=is_nullable)


def _leaf_writer(leaf: Any, *, is_nullable: bool) -> Writer:
    serialize = leaf.serialize

    def write(value: Any) -> bytes:
        if value is not None:
            return _encode(serialize(value))
        if is_nullable:
            return b"null"
        # The executor says what is wrong with it.
        raise NotOnFastPath

    # There are few values of an enum: each is encoded once.
    return lru_cache(write) if isinstance(leaf, GraphQLEnumType) else write


def field_writer(schema: GraphQLSchema, kind: GraphQLObjectType, field: Field) -> Attribute:
    """How a leaf, or the name of the type, is written of a value.

    Raises:
        NotOnFastPath: it is something else.
    """
    if field.name != TYPENAME:
        return read_attribute(schema, kind, field.name)
    text = _encode(kind.name)
    return "__class__", lambda _: text


def object_writer(schema: GraphQLSchema, selection: Selection) -> Writer:
    """Writes objects that have leaves only.

    Raises:
        NotOnFastPath: they have others.
    """
    kind = object_type(schema, selection.type_name)
    parts = [(encode_key(each.key), *field_writer(schema, kind, each)) for each in selection.fields]

    def write(value: Any) -> bytes:
        return join_object(
            name + write_leaf(getattr(value, attribute)) for name, attribute, write_leaf in parts
        )

    return write


def object_type(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    """The object type of that name."""
    kind = schema.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return kind


def join_object(members: Iterable[bytes]) -> bytes:
    """An object of members that are written already."""
    return b"{" + b",".join(members) + b"}"


def join_list(items: Iterable[bytes]) -> bytes:
    """A list of items that are written already."""
    return b"[" + b",".join(items) + b"]"
