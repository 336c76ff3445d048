"""Writes objects within objects, for what is not worth keeping in pieces."""

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
    """Writes the objects of the schema's own classes, with the objects and lists of objects in them.

    Raises:
        NotOnFastPath: something in it has arguments or a resolver.
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
    """As often as the type is a list, and null where it may be."""
    if isinstance(kind, GraphQLNonNull):
        return _wrap_given(kind.of_type, encode)
    inner = _wrap_given(kind, encode)
    return lambda value: b"null" if value is None else inner(value)


def _wrap_given(kind: Any, encode: Encoder) -> Encoder:
    if not isinstance(kind, GraphQLList):
        return encode
    inner = _wrap(kind.of_type, encode)
    return lambda values: join_list(map(inner, values))
