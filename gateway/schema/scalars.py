"""Scalars: how decimals, symbols and times are written and read."""

from datetime import UTC, datetime
from decimal import Decimal

import strawberry
from strawberry.types.scalar import ScalarDefinition

from rates.errors import InvalidSymbol
from rates.number import format_decimal
from rates.symbol import Symbol, parse_symbol


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, in milliseconds, or in microseconds where the source published them."""
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def read_symbol(value: object) -> Symbol:
    """A symbol as a client sends it.

    Raises:
        InvalidSymbol: not a string of the form BASE/QUOTE.
    """
    if not isinstance(value, str):
        raise InvalidSymbol(str(value))
    return parse_symbol(value)


def _output_only(value: object) -> object:
    raise TypeError(f"{value!r}: this scalar is for output only")


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description="Exact decimal as a plain string: never a float, never an exponent. The digits are those that the source "
        "published.",
        serialize=format_decimal,
        parse_value=_output_only,
    ),
    Symbol: strawberry.scalar(
        name="Symbol",
        description="Instrument symbol, BASE/QUOTE in upper case, e.g. BTC/USDT.",
        serialize=str,
        parse_value=read_symbol,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Moment in UTC, RFC 3339 with milliseconds or microseconds, e.g. 2026-11-22T12:30:00.250Z.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_time,
        parse_value=_output_only,
    ),
}
