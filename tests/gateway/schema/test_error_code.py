"""The enum of error codes is complete, and every scalar says where it is specified."""

import re
from pathlib import Path

from graphql import GraphQLScalarType, specified_scalar_types

from gateway import client_limits
from gateway.http import response
from gateway.origins import ORIGIN_NOT_ALLOWED
from gateway.schema import errors
from gateway.schema.build import build_schema
from gateway.schema.error_code import ErrorCode
from rates.error_mapping import GRAPHQL_CODES, INTERNAL_ERROR


def test_the_enum_has_every_code_and_no_other() -> None:
    """Those of errors of the domain, of documents and of transports."""
    assert {each.value for each in ErrorCode} == {
        *GRAPHQL_CODES.values(),
        INTERNAL_ERROR,
        errors.PARSE_FAILED,
        errors.VALIDATION_FAILED,
        errors.BAD_USER_INPUT,
        client_limits.TOO_MANY_SOCKETS,
        client_limits.TOO_MANY_SUBSCRIPTIONS,
        *response.CODES.values(),
        "BAD_REQUEST",
        errors.PERSISTED_QUERY_NOT_SUPPORTED,
        errors.PERSISTED_QUERY_NOT_FOUND,
        errors.PERSISTED_QUERY_HASH_MISMATCH,
        errors.TRUSTED_DOCUMENT_REQUIRED,
        ORIGIN_NOT_ALLOWED,
        errors.INTROSPECTION_DISABLED,
    }


def test_the_page_of_errors_has_a_row_for_every_code() -> None:
    """And for no other."""
    page = (Path(__file__).parents[3] / "docs/api/errors.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(ErrorCode)


def test_every_scalar_says_where_it_is_specified() -> None:
    """By `@specifiedBy`."""
    schema = build_schema()._schema
    scalars = [
        each
        for each in schema.type_map.values()
        if isinstance(each, GraphQLScalarType) and each.name not in specified_scalar_types
    ]
    assert {each.name for each in scalars} == {"AssetCode", "DateTime", "Decimal", "JSON", "Symbol"}
    assert all(each.specified_by_url for each in scalars)
