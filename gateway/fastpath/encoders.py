"""Encoders of values, byte-equal to the executor with a JSON encoder behind it.

The names and serializers of fields are read from the schema.
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
    GraphQLOutputType,
    GraphQLSchema,
)

from gateway.cache_limits import MAX_ENCODED_SYMBOLS
from gateway.fastpath.selection import TYPENAME, Field, NotOnFastPath
from rates.symbol import Symbol

Encoder = Callable[[Any], bytes]
AttributeEncoder = tuple[str, Encoder]

_encode = msgspec.json.Encoder().encode


def attribute_encoder(schema: GraphQLSchema, kind: GraphQLObjectType, name: str) -> AttributeEncoder:
    """Return the Python attribute of a field, and the encoder of its values.

    Raises:
        NotOnFastPath: it is neither a plain leaf nor a list of them.
    """
    field = kind.fields[name]
    definition = field.extensions.get("strawberry-definition")
    if field.args or definition is None or definition.base_resolver is not None:
        raise NotOnFastPath
    return definition.python_name, _value_encoder(schema, field.type)


def _value_encoder(schema: GraphQLSchema, kind: GraphQLOutputType) -> Encoder:
    """Return the encoder of a leaf, or of a list of leaves that is never null."""
    is_nullable = not isinstance(kind, GraphQLNonNull)
    given = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(given, GraphQLList) and not is_nullable:
        encode = _value_encoder(schema, given.of_type)
        return lambda values: join_list(map(encode, values))
    if not isinstance(given, GraphQLLeafType):
        raise NotOnFastPath
    return _leaf_encoder(schema.type_map[given.name], is_nullable=is_nullable)


@lru_cache(MAX_ENCODED_SYMBOLS)
def _encode_symbol(symbol: Symbol) -> bytes:
    return _encode(str(symbol))


def _leaf_encoder(leaf: Any, *, is_nullable: bool) -> Encoder:
    serialize = leaf.serialize

    def encode(value: Any) -> bytes:
        if value is not None:
            return _encode(serialize(value))
        if is_nullable:
            return b"null"
        # The executor reports the error.
        raise NotOnFastPath

    if leaf.name == "Symbol" and not is_nullable:
        return _encode_symbol
    # An enum has few values: each is encoded once.
    return lru_cache(encode) if isinstance(leaf, GraphQLEnumType) else encode


def field_encoder(schema: GraphQLSchema, kind: GraphQLObjectType, field: Field) -> AttributeEncoder:
    """Return the attribute and the encoder of a leaf or `__typename`.

    Raises:
        NotOnFastPath: it is another kind of field.
    """
    if field.name != TYPENAME:
        return attribute_encoder(schema, kind, field.name)
    text = _encode(kind.name)
    return "__class__", lambda _: text


def object_type(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    """Return the object type of that name."""
    kind = schema.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return kind


def join_object(members: Iterable[bytes]) -> bytes:
    """Join encoded members to an object."""
    return b"{" + b",".join(members) + b"}"


def join_list(items: Iterable[bytes]) -> bytes:
    """Join encoded items to a list."""
    return b"[" + b",".join(items) + b"]"
