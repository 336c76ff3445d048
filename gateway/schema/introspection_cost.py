"""The cost of introspection, counted on the schema itself."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, StringValueNode
from graphql.type import GraphQLNamedType

from gateway.schema.selected import SelectedField

SCHEMA, TYPE = "__schema", "__type"
# Of a subgraph: it tells the whole SDL.
SERVICE = "_service"
# Points of an object and of a leaf. A default value is printed, a description copied.
PER_OBJECT, PER_LEAF = 16, 7
# What a point costs in a thread of its own, where it holds up no one else for longer than the interpreter's switch interval.
IN_THREAD = 0.2

# Stands for what is not counted any more.
BEYOND = 1e9

Children = tuple[SelectedField, ...]


class IntrospectionCounter:
    """Counts the points of the root fields of one operation that describe the schema.

    Counting stops when all of them together are beyond `limit`.
    """

    def __init__(self, schema: GraphQLSchema, limit: float) -> None:
        self._schema = schema
        self._counter = _Counter(schema, limit)

    @cached_property
    def _largest(self) -> set[GraphQLNamedType]:
        return _list_largest(self._schema)

    def count(self, field: SelectedField) -> float:
        """Return the points of a root field.

        A type that a variable names counts as the largest ones.
        """
        ((kind, children),) = field.kinds
        if field.name == SCHEMA:
            return self._counter.count(kind, children, self._schema)
        assert field.node.arguments, "the document is valid"
        name = field.node.arguments[0].value
        named = [self._schema.get_type(name.value)] if isinstance(name, StringValueNode) else self._largest
        return max((self._counter.count(kind, children, each) for each in named if each), default=PER_LEAF)


def cost_in_thread(points: Sequence[float]) -> float:
    """Return the points of an operation that only describes the schema, by its root fields.

    The largest is cheaper in its thread. Further ones are not: no tool needs them.
    """
    largest = max(points)
    return sum(points) - largest + IN_THREAD * largest


def _list_largest(schema: GraphQLSchema) -> set[GraphQLNamedType]:
    """Return the types with the most fields, arguments and values."""
    types = schema.type_map.values()
    return {max(types, key=count) for count in (_count_fields, _count_arguments, _count_values)}


def _count_fields(kind: GraphQLNamedType) -> int:
    return len(getattr(kind, "fields", ()))


def _count_arguments(kind: GraphQLNamedType) -> int:
    return (
        sum(len(field.args) for field in kind.fields.values()) if isinstance(kind, GraphQLObjectType) else 0
    )


def _count_values(kind: GraphQLNamedType) -> int:
    return len(getattr(kind, "values", ()))


class _Counter:
    """Counts the points of selections on parts of the schema, each pair once.

    Stops beyond a limit.
    """

    def __init__(self, schema: GraphQLSchema, limit: float) -> None:
        self._info: Any = SimpleNamespace(schema=schema)
        self._left = limit
        self._known: dict[tuple[int, int], float] = {}

    def count(self, kind: GraphQLObjectType, children: Children, described: object) -> float:
        """Return the points of what is selected of a part of the schema."""
        # Fields and arguments are pairs of a name and a definition. All these parts live as long as the schema.
        key = id(children), id(described[1] if isinstance(described, tuple) else described)
        points = self._known.get(key)
        if points is None:
            self._left -= PER_OBJECT + PER_LEAF * len(children)
            points = PER_OBJECT + sum([self._count_field(kind, child, described) for child in children])
            self._known[key] = points
        return points

    def _count_field(self, kind: GraphQLObjectType, field: SelectedField, described: object) -> float:
        if not field.kinds:
            return PER_LEAF
        if self._left < 0:
            return BEYOND
        ((inside, children),) = field.kinds
        return PER_LEAF + sum(
            [self.count(inside, children, each) for each in self._read(kind, field, described)]
        )

    def _read(self, kind: GraphQLObjectType, field: SelectedField, described: object) -> Iterable[object]:
        definition = kind.fields[field.name]
        assert definition.resolve is not None
        arguments = {name: True for name in definition.args if name == "includeDeprecated"}
        found: Any = definition.resolve(described, self._info, **arguments)
        if found is None:
            return ()
        return found if hasattr(found, "__iter__") else (found,)
