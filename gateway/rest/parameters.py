"""Parameters of a query string, parsed as GraphQL parses its arguments."""

from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn, TypeVar

from graphql import GraphQLError
from starlette.datastructures import QueryParams

from gateway.queries.candles.query import DEFAULT_CANDLES, UTC_NAME, CandlesQuery, parse_candle_cursor
from gateway.schema.scalars import read_symbol, read_time
from history.interval import Interval
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import Symbol

MemberT = TypeVar("MemberT")
NAMES = frozenset({"symbol", "source", "interval", "from", "to", "last", "before", "timeZone", "knownAt"})
# Longer than any valid one.
MAX_LENGTH = 200


def read_candles_query(given: QueryParams) -> CandlesQuery:
    """Read the query of `candles` from its arguments, by their names in GraphQL.

    Raises:
        InvalidArgument, InvalidSymbol, InvalidCursor: a parameter is missing, unknown, repeated or out of range.
    """
    values = read_parameters(given, NAMES)
    before = values.get("before")
    return CandlesQuery(
        read_symbol_parameter(values, "symbol"),
        read_member(values, "interval", Interval.__members__),
        None if "source" not in values else read_member(values, "source", Source.__members__),
        read_time_parameter(values, "from"),
        read_time_parameter(values, "to"),
        read_integer(values, "last", DEFAULT_CANDLES),
        None if before is None else parse_candle_cursor(before),
        values.get("timeZone", UTC_NAME),
        read_time_parameter(values, "knownAt"),
    )


def read_parameters(given: QueryParams, names: frozenset[str]) -> dict[str, str]:
    """Return the parameters by name.

    Raises:
        InvalidArgument: one is unknown, repeated or too long.
    """
    values: dict[str, str] = {}
    for name, value in given.multi_items():
        if name not in names:
            raise InvalidArgument(name[:60], value, f"only {', '.join(sorted(names))}")
        if name in values:
            raise InvalidArgument(name, value, "one value")
        if len(value) > MAX_LENGTH:
            raise InvalidArgument(name, value, f"at most {MAX_LENGTH} characters")
        values[name] = value
    return values


def read_symbol_parameter(values: Mapping[str, str], name: str) -> Symbol:
    """Return a symbol.

    Raises:
        InvalidArgument: it is missing.
        InvalidSymbol: it is not BASE/QUOTE.
    """
    return read_symbol(values[name]) if name in values else _miss(name, "a symbol such as BTC/USDT")


def read_member(values: Mapping[str, str], name: str, members: Mapping[str, MemberT]) -> MemberT:
    """Return a member of an enum.

    Raises:
        InvalidArgument: it is missing, or none of them.
    """
    expected = f"one of {', '.join(members)}"
    if name not in values:
        _miss(name, expected)
    if values[name] not in members:
        raise InvalidArgument(name, values[name], expected)
    return members[values[name]]


def read_integer(values: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number.

    Raises:
        InvalidArgument: it is none.
    """
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InvalidArgument(name, text, "a whole number")
    return int(text)


def read_time_parameter(values: Mapping[str, str], name: str) -> datetime | None:
    """Return a time, `None` if it is missing.

    Raises:
        InvalidArgument: it is not RFC 3339 with an offset.
    """
    if name not in values:
        return None
    try:
        return read_time(values[name])
    except GraphQLError as exc:
        raise InvalidArgument(
            name, values[name], "RFC 3339 with an offset, e.g. 2026-11-22T12:30:00Z"
        ) from exc


def _miss(name: str, expected: str) -> NoReturn:
    raise InvalidArgument(name, "nothing", expected)
