"""Scalars: the parsing and serialization of numbers, symbols and times."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import NewType

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode, print_ast
from strawberry.types.scalar import ScalarDefinition

from rates.errors import InvalidNumber, InvalidSymbol
from rates.number import format_decimal, parse_decimal
from rates.symbol import Symbol, parse_symbol

AssetCode = NewType("AssetCode", str)

MAX_INT = 2**31 - 1
# The number formats of JSON, without Python's underscores, spaces and digits of other scripts.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def _encode_json(value: object) -> str:
    """Return the text of a value of a variable as its client wrote it, more or less."""
    return json.dumps(value, ensure_ascii=False, default=str)


def clamp(number: int) -> int:
    """Limit a number to GraphQL's Int, 2^31 - 1 (24.8 days in milliseconds)."""
    return min(number, MAX_INT)


def format_time(moment: datetime) -> str:
    """Format RFC 3339 in UTC with `Z`, in milliseconds, or microseconds if the source has them."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def read_symbol(value: object) -> Symbol:
    """Parse a symbol.

    Raises:
        InvalidSymbol: not a string of the form BASE/QUOTE.
    """
    if not isinstance(value, str):
        raise InvalidSymbol(_encode_json(value))
    return parse_symbol(value)


def read_asset_code(value: object) -> AssetCode:
    """Parse the code of an asset, in any spelling: an unknown one is reported with near matches.

    Raises:
        GraphQLError: not a string.
    """
    if not isinstance(value, str):
        raise GraphQLError(f"{_encode_json(value)[:60]} is not an asset code: expected a string such as BTC")
    return AssetCode(value)


def read_decimal(value: object) -> Decimal:
    """Parse a number in variables.

    A JSON number with a fraction is rejected, because it has been a float.

    Raises:
        InvalidNumber: not a string or whole number, not finite, or too large.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidNumber(_encode_json(value), expected='a string, e.g. "1.5"')
    # A whole number may be too long for Python to print.
    text = value if isinstance(value, str) else format(Decimal(value), "f")
    if not _NUMBER.fullmatch(text):
        raise InvalidNumber(text)
    return parse_decimal(text)


def read_decimal_literal(node: ValueNode, _variables: object = None) -> Decimal:
    """Parse a number literal in a document, where all its digits are left.

    Raises:
        InvalidNumber: as above.
    """
    if isinstance(node, IntValueNode | FloatValueNode | StringValueNode):
        return read_decimal(node.value)
    raise InvalidNumber(print_ast(node))


def read_time(value: object) -> datetime:
    """Parse a moment.

    Raises:
        GraphQLError: not RFC 3339 with an offset, or outside the years 1 to 9999.
    """
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError(
        f"DateTime cannot represent {_encode_json(value)[:60]}: expected RFC 3339 with an offset, e.g. 2026-11-22T12:30:00Z"
    )


# The usage of unified symbols and codes that this schema follows.
SYMBOLS_URL = "https://github.com/ccxt/ccxt/wiki/Manual#symbols-and-market-ids"

SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        specified_by_url="https://www.w3.org/TR/xmlschema-2/#decimal",
        description="An exact decimal number as a plain string, never a float and never with an exponent. A rate has the digits that its "
        'source published. As an argument: a string such as "1.5", or a whole number. A JSON number with a fraction is refused, '
        "because it may have lost digits.",
        serialize=format_decimal,
        parse_value=read_decimal,
        parse_literal=read_decimal_literal,
    ),
    Symbol: strawberry.scalar(
        name="Symbol",
        description="The symbol of an instrument: BASE/QUOTE in upper case, e.g. BTC/USDT.",
        specified_by_url=SYMBOLS_URL,
        serialize=str,
        parse_value=read_symbol,
    ),
    AssetCode: strawberry.scalar(
        name="AssetCode",
        description="The code of a coin or currency in upper case, e.g. BTC.",
        specified_by_url=SYMBOLS_URL,
        serialize=str,
        parse_value=read_asset_code,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A time in UTC, in RFC 3339 with milliseconds or microseconds, e.g. 2026-11-22T12:30:00.250Z. As an argument: with "
        "any offset, and at most six digits of a second.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_time,
        parse_value=read_time,
    ),
}
