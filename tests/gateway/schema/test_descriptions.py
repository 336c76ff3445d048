"""The descriptions of the schema: complete, and by the rules of the glossary."""

import re
from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_introspection_type,
    is_specified_scalar_type,
)

from gateway.schema.build import build_schema

SCHEMA = build_schema()._schema
# Enums that are closed by their meaning. Clients may list the values of no other.
CLOSED = {"Freshness", "OnStale", "ObservedAtOrigin", "OrderDirection", "ConversionOperation", "Side"}
NOT_PLAIN = re.compile(
    r"\b(who|whom|whoever|nobody|somebody|shall|told|tells|asked|said|says)\b", re.IGNORECASE
)


def list_descriptions() -> Iterator[tuple[str, str | None]]:
    """The place and the description of everything that has one."""
    for name, kind in SCHEMA.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            for value, enum_value in kind.values.items():
                yield f"{name}.{value}", enum_value.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, definition in kind.fields.items():
                yield f"{name}.{field}", definition.description
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, definition in kind.fields.items():
                for argument, given in definition.args.items():
                    yield f"{name}.{field}({argument})", given.description


DESCRIPTIONS = dict(list_descriptions())


def test_everything_has_a_description() -> None:
    """Types, fields, arguments, enum values and fields of input objects."""
    assert [place for place, text in DESCRIPTIONS.items() if not text] == []


def test_descriptions_are_sentences_in_plain_words() -> None:
    """They begin in upper case, with a number or code, end with a full stop, name no person."""
    texts = {place: text or "" for place, text in DESCRIPTIONS.items()}
    assert [
        place for place, text in texts.items() if not re.fullmatch(r"[A-Z0-9`].*\.", text, re.DOTALL)
    ] == []
    assert {place: found[0] for place, text in texts.items() if (found := NOT_PLAIN.search(text))} == {}


def test_an_enum_is_closed_or_announces_further_values() -> None:
    """Generated clients need a default branch for the open ones."""
    enums = {
        name
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLEnumType) and not is_introspection_type(kind)
    }
    announced = {name for name in enums if re.search(r"[Mm]ore \w+ may follow", DESCRIPTIONS[name] or "")}
    assert enums - announced == CLOSED


def test_a_deprecated_field_names_its_successor() -> None:
    """As code in its reason."""
    reasons = {
        f"{name}.{field}": definition.deprecation_reason
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLObjectType)
        for field, definition in kind.fields.items()
        if definition.deprecation_reason is not None
    }
    assert "Query.convert" in reasons
    assert all(re.search(r"Use `\w+`", each or "") for each in reasons.values())
