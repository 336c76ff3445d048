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

Encoder = Callable[[Any], bytes]
AttributeEncoder = tuple[str, Encoder]

_encode = msgspec.json.Encoder().encode


def encode_key(key: str) -> bytes:
    """The name of a field in an object."""
    return _encode(key) + b":"


def attribute_encoder(schema: GraphQLSchema, kind: GraphQLObjectType, name: str) -> AttributeEncoder:
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
    return definition.python_name, _leaf_encoder(schema.type_map[leaf.name], is_nullable=is_nullable)


def _leaf_encoder(leaf: Any, *, is_nullable: bool) -> Encoder:
    serialize = leaf.serialize

    def encode(value: Any) -> bytes:
        if value is not None:
            return _encode(serialize(value))
        if is_nullable:
            return b"null"
        # The executor says what is wrong with it.
        raise NotOnFastPath

    # There are few values of an enum: each is encoded once.
    return lru_cache(encode) if isinstance(leaf, GraphQLEnumType) else encode


def field_encoder(schema: GraphQLSchema, kind: GraphQLObjectType, field: Field) -> AttributeEncoder:
    """How a leaf, or the name of the type, is written of a value.

    Raises:
        NotOnFastPath: it is something else.
    """
    if field.name != TYPENAME:
        return attribute_encoder(schema, kind, field.name)
    text = _encode(kind.name)
    return "__class__", lambda _: text


def flat_object_encoder(schema: GraphQLSchema, selection: Selection) -> Encoder:
    """Writes objects that have leaves only.

    Raises:
        NotOnFastPath: they have others.
    """
    kind = object_type(schema, selection.type_name)
    parts = [(encode_key(each.key), *field_encoder(schema, kind, each)) for each in selection.fields]

    def encode(value: Any) -> bytes:
        return join_object(
            name + encode_leaf(getattr(value, attribute)) for name, attribute, encode_leaf in parts
        )

    return encode


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
