"""The selected fields of an operation, with fragments, duplicates and directives resolved."""

from collections.abc import Sequence
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from graphql.type import GraphQLNamedType


class SelectedField(NamedTuple):
    """A field, and its selections by the object types that it may have: none for a leaf."""

    name: str
    node: FieldNode
    kinds: tuple[tuple[GraphQLObjectType, tuple["SelectedField", ...]], ...]


class FieldSelector:
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

    def select(self, root: GraphQLObjectType) -> tuple[SelectedField, ...]:
        """Return the root fields with what is selected in them."""
        found = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return self._select(root, found)

    def _select(self, parent: GraphQLObjectType, found: CollectedFields) -> tuple[SelectedField, ...]:
        return tuple(self._select_field(parent, details) for details in found.grouped_field_set.values())

    def _select_field(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> SelectedField:
        node = details[0].node
        definition = self._schema.get_field(parent, node.name.value)
        assert definition is not None, "the document is valid"
        named = get_named_type(definition.type)
        kinds = tuple(
            (kind, self._select(kind, self._collect_subfields(kind, details)))
            for kind in self._list_object_types(named)
        )
        return SelectedField(node.name.value, node, kinds)

    def _collect_subfields(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> CollectedFields:
        return collect_subfields(
            self._schema, self._fragments, self._variables, self._operation, kind, details
        )

    def _list_object_types(self, named: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
        if is_leaf_type(named):
            return ()
        if is_abstract_type(named):
            return self._schema.get_possible_types(named)
        assert isinstance(named, GraphQLObjectType)
        return (named,)
