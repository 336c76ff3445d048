"""Finds and changes prices and times in JSON messages.

Pure; all other numbers keep their digits.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

from simulator.nanotime import MS, SECOND, to_iso
from simulator.sources import BINANCE, BYBIT, COINBASE, COINGECKO, KRAKEN, OKX


class BareNumber(str):
    """A bare JSON number with its original digits."""

    __slots__ = ()


class Removed:
    """Marker in place of a value: the key is removed as well."""


Json: TypeAlias = object
Change = Callable[[Json], Json]

_BINANCE_PRICES = {
    "trade": ("p",),
    "aggTrade": ("p",),
    "24hrTicker": ("c", "b", "a"),
    "24hrMiniTicker": ("c",),
}
_BINANCE_POLLED = ("lastPrice", "bidPrice", "askPrice", "price")
_PRICES = {
    COINBASE: ("price", "best_bid", "best_ask"),
    KRAKEN: ("last", "bid", "ask", "price"),
    OKX: ("last", "bidPx", "askPx", "px"),
    BYBIT: ("lastPrice", "p"),
}
# Where Binance uses one letter for ids and prices, the event decides.
_BINANCE_SEQUENCES = {"trade": ("t",), "aggTrade": ("a", "f", "l"), "24hrTicker": ("F", "L")}
_SEQUENCES = {
    COINBASE: ("trade_id", "sequence", "last_trade_id"),
    KRAKEN: ("trade_id",),
    OKX: ("tradeId",),
    BYBIT: ("u", "seq", "cs", "i"),
}
RESTART = 1000
NESTING = 5000
_BYTE_FF = "\udcff"
_SYMBOL_VALUE = re.compile(r'("(?:s|symbol|product_id|instId)":"[^"]*)"')
_TIMES = {
    BINANCE: ("E", "T", "C", "closeTime"),
    COINBASE: ("time",),
    KRAKEN: ("timestamp",),
    OKX: ("ts",),
    BYBIT: ("ts", "T"),
    COINGECKO: ("last_updated_at",),
}


def change_prices(source: str, text: str, change: Change) -> str:
    """Change every price of a message."""
    return format_json(_walk(parse_json(text), lambda found: _price_keys(source, found), change))


def shift_times(source: str, text: str, offset_ns: int) -> str:
    """Shift every event time of a message."""
    return format_json(
        _walk(parse_json(text), lambda _found: _TIMES[source], lambda value: shifted(value, offset_ns))
    )


def restart_sequences(source: str, text: str, bases: dict[str, int]) -> str:
    """Restart ids and sequence numbers at `RESTART`.

    `bases` keeps the number that each key restarted from.
    """

    def restart(node: Json) -> Json:
        if isinstance(node, list):
            return [restart(item) for item in node]
        if not isinstance(node, dict):
            return node
        keys = _sequence_keys(source, node)
        return {
            key: _restarted(value, bases.setdefault(key, int(value) - RESTART))
            if key in keys and isinstance(value, str) and value.isdigit()
            else restart(value)
            for key, value in node.items()
        }

    return format_json(restart(parse_json(text)))


def make_odd(source: str, form: str, text: str) -> str:
    """Return a copy of a message with an odd part.

    A lone surrogate stands for the byte 0xff, which is no UTF-8.
    """
    match form:
        case "not-utf8":
            return _SYMBOL_VALUE.sub(lambda found: f'{found[1]}{_BYTE_FF}"', text)
        case "no-zone":
            keys = _TIMES[source]
            return format_json(_walk(parse_json(text), lambda _found: keys, _without_zone))
    return f'{text[:-1]},"extra":{"[" * NESTING}{"]" * NESTING}}}'


def prices_of(source: str, text: str) -> dict[str, Json]:
    """The prices of the first object that has any, by key."""
    return next(_prices_in(source, parse_json(text)), {})


def put_prices(source: str, text: str, prices: Mapping[str, Json]) -> str:
    """Replace the prices of a message."""

    def put(node: Json) -> Json:
        if isinstance(node, dict):
            keys = _price_keys(source, node)
            return {
                key: prices.get(key, put(value)) if key in keys else put(value) for key, value in node.items()
            }
        return [put(item) for item in node] if isinstance(node, list) else node

    return format_json(put(parse_json(text)))


def to_exponent(value: Json) -> Json:
    """Write a number with an exponent; other values stay."""
    if not isinstance(value, str) or not value:
        return value
    return type(value)(f"{Decimal(value):e}")


def to_zero(value: Json) -> Json:
    """Zero, as a string or bare number like the original."""
    return type(value)("0.00") if isinstance(value, str) else value


def to_multiple(factor: Decimal) -> Change:
    """Return a change that multiplies numbers; other values stay."""

    def multiply(value: Json) -> Json:
        if not isinstance(value, str) or not value:
            return value
        return type(value)(f"{Decimal(value) * factor:f}")

    return multiply


def to_null(_value: Json) -> Json:
    """Replace a value by null."""
    return None


def to_missing(_value: Json) -> Json:
    """Remove a value with its key."""
    return Removed()


def shifted(value: Json, offset_ns: int) -> Json:
    """Shift a time in its own format: ISO 8601, seconds or milliseconds."""
    if not isinstance(value, str) or not value:
        return value
    if not value.isdigit():
        parsed = datetime.fromisoformat(value)
        at_ns = int(parsed.timestamp()) * SECOND + parsed.microsecond * 1000
        assert parsed.tzinfo == UTC
        return to_iso(at_ns + offset_ns)
    unit = SECOND if len(value) <= 11 else MS
    return type(value)(int(value) + offset_ns // unit)


def _without_zone(value: Json) -> Json:
    if not isinstance(value, str) or not value:
        return value
    if not value.isdigit():
        return value.removesuffix("Z")
    unit = SECOND if len(value) <= 11 else MS
    return to_iso(int(value) * unit).removesuffix("Z")


def _restarted(value: str, base: int) -> Json:
    return type(value)(int(value) - base)


def _sequence_keys(source: str, node: Mapping[str, Json]) -> tuple[str, ...]:
    if source == BINANCE:
        event = node.get("e")
        return _BINANCE_SEQUENCES.get(event, ()) if isinstance(event, str) else ("u",)
    return _SEQUENCES[source]


def parse_json(text: str) -> Json:
    """Parse JSON, keeping bare numbers as text."""
    found: Json = json.loads(text, parse_float=BareNumber, parse_int=BareNumber)
    return found


def format_json(value: Json) -> str:
    """Format JSON with the original digits."""
    match value:
        case BareNumber():
            return str(value)
        case dict():
            return (
                "{" + ",".join(f"{json.dumps(key)}:{format_json(item)}" for key, item in value.items()) + "}"
            )
        case list():
            return "[" + ",".join(map(format_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _prices_in(source: str, node: Json) -> Iterator[dict[str, Json]]:
    if isinstance(node, dict):
        if found := {key: node[key] for key in _price_keys(source, node) if key in node}:
            yield found
        node = list(node.values())
    for item in node if isinstance(node, list) else ():
        yield from _prices_in(source, item)


def _walk(node: Json, keys_of: Callable[[Mapping[str, Json]], tuple[str, ...]], change: Change) -> Json:
    if isinstance(node, list):
        return [_walk(item, keys_of, change) for item in node]
    if not isinstance(node, dict):
        return node
    keys = keys_of(node)
    changed = {
        key: _change(value, change) if key in keys else _walk(value, keys_of, change)
        for key, value in node.items()
    }
    return {key: value for key, value in changed.items() if not isinstance(value, Removed)}


def _change(value: Json, change: Change) -> Json:
    # A side of a book is a list of levels, each with price and quantity.
    if isinstance(value, list):
        levels = [[change(level[0]), *level[1:]] for level in value if isinstance(level, list) and level]
        return [level for level in levels if not isinstance(level[0], Removed)]
    return change(value)


def _price_keys(source: str, node: Mapping[str, Json]) -> tuple[str, ...]:
    if source == BINANCE:
        event = node.get("e")
        if isinstance(event, str):
            return _BINANCE_PRICES.get(event, ())
        return ("b", "a") if "u" in node and "B" in node else _BINANCE_POLLED
    if source == BYBIT and "u" in node:
        return ("b", "a")
    return _PRICES.get(source, ())
