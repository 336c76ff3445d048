"""What of a type a reader wants, and in which order, with fragments, duplicates and directives resolved. A plain value: two
documents that want the same share everything that is made from it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
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


class NotOnFastPath(Exception):
    """The operation is for the executor."""


class Field(NamedTuple):
    """One field under its name in the answer. `inside` is what is wanted of an object, `None` for a leaf."""

    key: str
    name: str
    inside: "Selection | None"


class Selection(msgspec.Struct, frozen=True, cache_hash=True):
    """The fields that are wanted of a type. Looked up for every answer, so it is hashed once."""

    type_name: str
    fields: tuple[Field, ...]


class RootField(NamedTuple):
    """A field of the operation itself. `details` are where its arguments are read from."""

    field: Field
    details: FieldDetails


class FieldCollector:
    """Collects the fields of one operation as its variables have it, with the means of the executor."""

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
        """The fields of the operation.

        Raises:
            NotOnFastPath: something in it is not for this path.
        """
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return tuple(self._collect(root, found))

    def _collect(self, parent: GraphQLObjectType, found: CollectedFields) -> Iterator[RootField]:
        if found.new_defer_usages or found.forbidden_directive_instances:
            raise NotOnFastPath
        for key, details in found.grouped_field_set.items():
            name = details[0].node.name.value
            if name == TYPENAME:
                yield RootField(Field(key, name, None), details[0])
            elif name in parent.fields:
                yield RootField(Field(key, name, self._collect_subfields(parent, name, details)), details[0])
            else:
                # Introspection.
                raise NotOnFastPath

    def _collect_subfields(
        self, parent: GraphQLObjectType, name: str, details: list[FieldDetails]
    ) -> Selection | None:
        kind = get_named_type(parent.fields[name].type)
        if not isinstance(kind, GraphQLObjectType):
            return None
        found = collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, details
        )
        return Selection(kind.name, tuple(each.field for each in self._collect(kind, found)))
