"""Writes objects within objects, for what is not worth keeping in pieces."""

from typing import Any

from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLSchema

from gateway.fastpath.encoders import (
    Attribute,
    Writer,
    encode_key,
    field_writer,
    join_list,
    join_object,
    object_type,
)
from gateway.fastpath.selection import Field, NotOnFastPath, Selection


def nested_writer(schema: GraphQLSchema, selection: Selection) -> Writer:
    """Writes the objects of the schema's own classes, with the objects and lists of objects in them.

    Raises:
        NotOnFastPath: something in it has arguments or a resolver.
    """
    kind = object_type(schema, selection.type_name)
    members = [(encode_key(each.key), *_member(schema, kind, each)) for each in selection.fields]

    def write(value: Any) -> bytes:
        return join_object(
            [name + write_member(getattr(value, attribute)) for name, attribute, write_member in members]
        )

    return write


def _member(schema: GraphQLSchema, kind: GraphQLObjectType, field: Field) -> Attribute:
    if field.inside is None:
        return field_writer(schema, kind, field)
    defined = kind.fields[field.name]
    definition = defined.extensions.get("strawberry-definition")
    if defined.args or definition is None or definition.base_resolver is not None:
        raise NotOnFastPath
    write = nested_writer(schema, field.inside)
    return definition.python_name, _wrap(defined.type, write)


def _wrap(kind: Any, write: Writer) -> Writer:
    """As often as the type is a list, and null where it may be."""
    if isinstance(kind, GraphQLNonNull):
        return _wrap_given(kind.of_type, write)
    inner = _wrap_given(kind, write)
    return lambda value: b"null" if value is None else inner(value)


def _wrap_given(kind: Any, write: Writer) -> Writer:
    if not isinstance(kind, GraphQLList):
        return write
    inner = _wrap(kind.of_type, write)
    return lambda values: join_list(map(inner, values))
