"""Readers of variables, compiled from their definitions, with the values of graphql-core.

What a reader refuses is coerced, or reported, by graphql-core. It accepts nothing that is refused there.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    VariableDefinitionNode,
    get_named_type,
    get_variable_values,
    type_from_ast,
)
from graphql.utilities import coerce_input_value
from msgspec import UNSET

from gateway.fastpath.new_rates import Convert, UnreadList
from gateway.fastpath.selection import NotOnFastPath
from gateway.lru import SecondSight
from gateway.schema.scalars import MAX_INT

# Values of each scalar of ours that are kept with their texts, up to so many characters: symbols, above all.
MAX_KEPT_VALUES = 16_384
MAX_KEPT_LENGTH = 64
MAX_SCALARS = 16


class _InputType(NamedTuple):
    """The decoded type and the conversion of an input type. `is_text`: strings in JSON.

    `is_unread`: a list whose texts may be converted later.
    """

    decoded: Any
    convert: Convert | None
    is_text: bool
    is_list: bool = False
    is_unread: bool = False


class _Variable(NamedTuple):
    """A variable. `default` is `UNSET` without one."""

    name: str
    read_as: _InputType
    default: Any
    is_required: bool
    is_boolean: bool


class _Values(dict[str, Any]):
    """Converted texts of one scalar, kept from the second time on."""

    def __init__(self, scalar: GraphQLScalarType) -> None:
        super().__init__()
        self._scalar = scalar
        self._seen = SecondSight(MAX_KEPT_VALUES)

    def __missing__(self, text: str) -> Any:
        value = coerce_input_value(text, self._scalar)
        if value is Undefined:
            raise NotOnFastPath
        if len(text) <= MAX_KEPT_LENGTH and self._seen.admits(text):
            if len(self) >= MAX_KEPT_VALUES:
                # What is used comes back at once.
                self.clear()
            self[text] = value
        return value


@lru_cache(MAX_SCALARS)
def _values_of(scalar: GraphQLScalarType) -> _Values:
    """Return the values of a scalar: the same for all variables of all documents."""
    return _Values(scalar)


class VariableReader:
    """Reads the variables of one operation.

    Raises:
        NotOnFastPath: a variable is an object, a list of lists, or of an unknown type.
    """

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        definitions = operation.variable_definitions or ()
        self._variables = [_read_definition(schema, each) for each in definitions]
        self._varying = [each.name for each in self._variables if each.is_boolean or not each.is_required]
        fields = [
            (f"value_{number}", each.read_as.decoded, UNSET) for number, each in enumerate(self._variables)
        ]
        struct = msgspec.defstruct(
            "Variables",
            fields,
            rename={f"value_{number}": each.name for number, each in enumerate(self._variables)},
        )
        self._decode = msgspec.json.Decoder(struct).decode

    def shape(self, values: Mapping[str, Any]) -> tuple[object, ...]:
        """Return the Booleans among coerced values, and which values are null or not given."""
        found = [values.get(name, UNSET) for name in self._varying]
        return tuple(
            [
                each if each is None or each is UNSET or each is True or each is False else ...
                for each in found
            ]
        )

    def read(self, variables: bytes) -> dict[str, Any] | None:
        """Return the coerced values, or `None` for what the reader does not cover.

        Lists of scalars of ours are an `UnreadList`.
        """
        if b"\\" in variables:
            return None
        try:
            return self._coerce(variables)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, NotOnFastPath):
            return None

    def _coerce(self, variables: bytes) -> dict[str, Any] | None:
        values = msgspec.structs.astuple(self._decode(variables))
        quotes = 0
        coerced: dict[str, Any] = {}
        for (name, read_as, default, is_required, _), value in zip(self._variables, values, strict=True):
            if value is UNSET:
                if default is not UNSET:
                    coerced[name] = default
                elif is_required:
                    return None
                continue
            quotes += 2
            if read_as.is_unread and read_as.convert is not None and value is not None:
                # None of its items is null.
                quotes += 2 * len(value)
                coerced[name] = UnreadList(value, read_as.convert)
                continue
            if read_as.is_text and value is not None:
                quotes += 2 * (len(value) - value.count(None) if read_as.is_list else 1)
            coerced[name] = value if read_as.convert is None or value is None else read_as.convert(value)
        # Others belong to a variable that is unknown, or given twice.
        return coerced if variables.count(b'"') == quotes else None


def _read_definition(schema: GraphQLSchema, node: VariableDefinitionNode) -> _Variable:
    kind = type_from_ast(schema, node.type)
    default: Any = UNSET
    if node.default_value is not None:
        found = get_variable_values(schema, [node], {})
        if isinstance(found, list):
            raise NotOnFastPath
        default = found.coerced[node.variable.name.value]
    return _Variable(
        node.variable.name.value,
        _compile(kind),
        default,
        is_required=isinstance(kind, GraphQLNonNull),
        is_boolean=get_named_type(kind) is GraphQLBoolean,
    )


def _compile(kind: Any) -> _InputType:
    if not isinstance(kind, GraphQLNonNull):
        found = _compile_given(kind)
        return found._replace(decoded=found.decoded | None)
    return _compile_given(kind.of_type)


def _compile_given(kind: Any) -> _InputType:
    if not isinstance(kind, GraphQLList):
        return _compile_leaf(kind)
    item = _compile(kind.of_type)
    if item.is_list:
        raise NotOnFastPath
    convert = None if item.convert is None else _convert_each(item.convert, kind.of_type)
    is_unread = isinstance(kind.of_type, GraphQLNonNull) and _is_ours(kind.of_type.of_type)
    return _InputType(
        list.__class_getitem__(item.decoded), convert, item.is_text, is_list=True, is_unread=is_unread
    )


def _convert_each(convert: Convert, kind: Any) -> Convert:
    if isinstance(kind, GraphQLNonNull):
        return lambda values: list(map(convert, values))

    def convert_nullable(values: Sequence[Any]) -> list[Any]:
        return [None if each is None else convert(each) for each in values]

    return convert_nullable


def _is_ours(kind: Any) -> bool:
    return isinstance(kind, GraphQLScalarType) and kind not in _BUILT_IN


def _compile_leaf(kind: Any) -> _InputType:
    if isinstance(kind, GraphQLEnumType):
        values = {name: coerce_input_value(name, kind) for name in kind.values}
        # pyrefly: ignore[invalid-literal]  # known at run time
        return _InputType(Literal[tuple(values)], values.__getitem__, is_text=True)
    if kind in _BUILT_IN:
        return _BUILT_IN[kind]
    if isinstance(kind, GraphQLScalarType):
        return _InputType(str, _values_of(kind).__getitem__, is_text=True)
    raise NotOnFastPath


_BUILT_IN = {
    GraphQLString: _InputType(str, None, is_text=True),
    GraphQLID: _InputType(str, None, is_text=True),
    GraphQLInt: _InputType(Annotated[int, msgspec.Meta(ge=-MAX_INT - 1, le=MAX_INT)], None, is_text=False),
    GraphQLFloat: _InputType(float, None, is_text=False),
    GraphQLBoolean: _InputType(bool, None, is_text=False),
}
