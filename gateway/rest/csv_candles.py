"""Candles as CSV, one row each, in the columns of the GraphQL type.

Link: https://www.rfc-editor.org/rfc/rfc4180
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from gateway.queries.candles.candle_list import CandleList
from gateway.schema.candles import READ_CANDLE
from gateway.schema.scalars import format_time
from rates.number import format_decimal

CSV_TYPE = "text/csv"
COLUMNS: Mapping[str, str] = {
    "openTime": "open_time",
    "closeTime": "close_time",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "quoteVolume": "quote_volume",
    "tradeCount": "trade_count",
    "vwap": "vwap",
    "origin": "origin",
    "state": "state",
    "coverage": "coverage",
    "revision": "revision",
    "asOf": "as_of",
    "simulated": "simulated",
}
"""The attribute of each column."""

_FORMATS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Decimal, format_decimal),
    (datetime, format_time),
    (Enum, lambda member: str(member.value)),
    (bool, lambda value: "true" if value else "false"),
)


def encode_csv(value: CandleList) -> bytes:
    """Encode candles with a header line. Null is empty. No value needs quotes."""
    readers = [READ_CANDLE[attribute] for attribute in COLUMNS.values()]
    lines = [",".join(COLUMNS)]
    lines += (",".join([_format(read(each)) for read in readers]) for each in value.items)
    return "\r\n".join([*lines, ""]).encode()


def _format(value: object) -> str:
    if value is None:
        return ""
    return next((form(value) for kind, form in _FORMATS if isinstance(value, kind)), str(value))
