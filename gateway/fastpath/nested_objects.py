"""Encoders of nested objects that are not cached in parts."""

from typing import Any

from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLSchema

from gateway.fastpath.encoders import (
    AttributeEncoder,
    Encoder,
    encode_key,
    field_encoder,
    join_list,
    object_encoder,
    object_type,
)
from gateway.fastpath.selection import Field, NotOnFastPath, Selection
from gateway.fastpath.source_encoder import source_encoder
from gateway.queries.rate import TtlBySource
from gateway.schema.source import SourceType


def nested_encoder(schema: GraphQLSchema, selection: Selection, ttl: TtlBySource) -> Encoder:
    """Return an encoder of the schema's own classes, with nested objects and lists of them.

    Raises:
        NotOnFastPath: a field has arguments or a resolver.
    """
    kind = object_type(schema, selection.type_name)
    if selection.type_name == "Source":
        return _shared_source_encoder(schema, selection, ttl)
    return object_encoder(
        (encode_key(each.key), *_member(schema, kind, each, ttl)) for each in selection.fields
    )


def _shared_source_encoder(schema: GraphQLSchema, selection: Selection, ttl: TtlBySource) -> Encoder:
    encode_source = source_encoder(schema, selection, ttl)

    def encode(value: SourceType) -> bytes:
        return encode_source(value.code)

    return encode


def _member(
    schema: GraphQLSchema, kind: GraphQLObjectType, field: Field, ttl: TtlBySource
) -> AttributeEncoder:
    if field.inside is None:
        return field_encoder(schema, kind, field)
    defined = kind.fields[field.name]
    definition = defined.extensions.get("strawberry-definition")
    if defined.args or definition is None or definition.base_resolver is not None:
        raise NotOnFastPath
    encode = nested_encoder(schema, field.inside, ttl)
    return definition.python_name, _wrap(defined.type, encode)


def _wrap(kind: Any, encode: Encoder) -> Encoder:
    """Add the nullability and the lists of the type to the encoder."""
    if isinstance(kind, GraphQLNonNull):
        return _wrap_given(kind.of_type, encode)
    inner = _wrap_given(kind, encode)
    return lambda value: b"null" if value is None else inner(value)


def _wrap_given(kind: Any, encode: Encoder) -> Encoder:
    if not isinstance(kind, GraphQLList):
        return encode
    inner = _wrap(kind.of_type, encode)
    return lambda values: join_list(map(inner, values))
