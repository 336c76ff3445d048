"""Selections that the fast path takes or leaves to the executor."""

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues

from gateway.fastpath.selection import Field, FieldCollector, NotOnFastPath, RootField, Selection


@strawberry.type
class Thing:
    """A type that the fast path has never heard of."""

    name: str

    @strawberry.field
    def length(self) -> int:
        return len(self.name)


@strawberry.type
class Query:
    """Its root field has a resolver, as all have."""

    @strawberry.field
    def thing(self) -> Thing:
        return Thing(name="a thing")


SCHEMA = strawberry.Schema(Query)._schema


def collect(text: str) -> tuple[RootField, ...]:
    document = parse(text)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert SCHEMA.query_type
    variables = VariableValues(sources={}, coerced={})
    return FieldCollector(SCHEMA, document, operation, variables).collect(SCHEMA.query_type)


def test_a_field_with_a_resolver_is_left_to_the_executor() -> None:
    """Unless the fast path computes it itself: one that is added later is never passed over."""
    with pytest.raises(NotOnFastPath):
        collect("{ thing { name length } }")
    (root,) = collect("{ thing { name } }")
    assert root.field == Field("thing", "thing", Selection("Thing", (Field("name", "name", None),)))
