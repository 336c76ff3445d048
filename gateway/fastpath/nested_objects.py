"""Encoders of nested objects that are not cached in parts."""

from typing import Any

from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLSchema

from gateway.fastpath.encoders import (
    AttributeEncoder,
    Encoder,
    encode_key,
    field_encoder,
    join_list,
    join_object,
    object_type,
)
from gateway.fastpath.selection import Field, NotOnFastPath, Selection


def nested_encoder(schema: GraphQLSchema, selection: Selection) -> Encoder:
    """Return an encoder of the schema's own classes, with nested objects and lists of them.

    Raises:
        NotOnFastPath: a field has arguments or a resolver.
    """
    kind = object_type(schema, selection.type_name)
    members = [(encode_key(each.key), *_member(schema, kind, each)) for each in selection.fields]

    def encode(value: Any) -> bytes:
        return join_object(
            [name + encode_member(getattr(value, attribute)) for name, attribute, encode_member in members]
        )

    return encode


def _member(schema: GraphQLSchema, kind: GraphQLObjectType, field: Field) -> AttributeEncoder:
    if field.inside is None:
        return field_encoder(schema, kind, field)
    defined = kind.fields[field.name]
    definition = defined.extensions.get("strawberry-definition")
    if defined.args or definition is None or definition.base_resolver is not None:
        raise NotOnFastPath
    encode = nested_encoder(schema, field.inside)
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
