"""The selected fields of a type, with fragments, duplicates and directives resolved.

Selections are values: documents with equal selections share everything that is derived from them.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    get_named_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues

TYPENAME = "__typename"
# Fields with a resolver that the fast path computes itself. All others inside objects are left to the executor.
COMPUTED = {("Rate", "instrument"), ("Source", "ttlMs")}


_encode = msgspec.json.Encoder().encode


class NotOnFastPath(Exception):
    """The operation is left to the executor."""


class Field(NamedTuple):
    """A field under its response key. `inside` is the selection of an object, `None` for a leaf."""

    key: str
    name: str
    inside: "Selection | None"


class Selection(msgspec.Struct, frozen=True, cache_hash=True):
    """The selected fields of a type. It is a key of every request, so its hash is computed once.

    That of a union has a field for each type that the fast path covers, under the name of the type.
    """

    type_name: str
    fields: tuple[Field, ...]


class RootField(NamedTuple):
    """A field of the operation itself.

    `details` hold its arguments, `before` are the bytes before its value in a response.
    """

    field: Field
    details: FieldDetails
    before: bytes = b""


def encode_key(key: str) -> bytes:
    """Encode the key of a field in an object."""
    return _encode(key) + b":"


class FieldCollector:
    """Collects the fields of one operation with the functions of the executor."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._fragments = {
            each.name.value: FragmentDetails(each)
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }

    def collect(self, root: GraphQLObjectType) -> tuple[RootField, ...]:
        """Return the root fields of the operation.

        Raises:
            NotOnFastPath: the fast path does not cover one of the fields.
        """
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return tuple(
            [
                each._replace(before=(b"," if number else b'{"data":{') + encode_key(each.field.key))
                for number, each in enumerate(self._collect(root, found))
            ]
        )

    def _collect(self, parent: GraphQLObjectType, found: CollectedFields) -> Iterator[RootField]:
        if found.new_defer_usages or found.forbidden_directive_instances:
            raise NotOnFastPath
        for key, details in found.grouped_field_set.items():
            name = details[0].node.name.value
            if name == TYPENAME:
                yield RootField(Field(key, name, None), details[0])
            elif name in parent.fields:
                if not self._is_root(parent) and _is_executed(parent, name):
                    raise NotOnFastPath
                yield RootField(Field(key, name, self._collect_subfields(parent, name, details)), details[0])
            else:
                # Introspection.
                raise NotOnFastPath

    def _is_root(self, kind: GraphQLObjectType) -> bool:
        return kind in (self._schema.query_type, self._schema.subscription_type)

    def _collect_subfields(
        self, parent: GraphQLObjectType, name: str, details: list[FieldDetails]
    ) -> Selection | None:
        kind = get_named_type(parent.fields[name].type)
        if isinstance(kind, GraphQLObjectType):
            return self._collect_object(kind, details)
        if isinstance(kind, GraphQLUnionType):
            return Selection(kind.name, tuple(self._collect_types(kind, details)))
        return None

    def _collect_object(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Selection:
        found = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, details
        )
        return Selection(kind.name, tuple(each.field for each in self._collect(kind, found)))

    def _collect_types(self, union: GraphQLUnionType, details: list[FieldDetails]) -> Iterator[Field]:
        for kind in union.types:
            with suppress(NotOnFastPath):
                yield Field(kind.name, kind.name, self._collect_object(kind, details))


def _is_executed(kind: GraphQLObjectType, name: str) -> bool:
    """Tell whether only the executor computes a field inside an object."""
    definition = kind.fields[name].extensions.get("strawberry-definition")
    has_resolver = definition is None or definition.base_resolver is not None
    return has_resolver and (kind.name, name) not in COMPUTED
