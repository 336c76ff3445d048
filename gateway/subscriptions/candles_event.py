"""The events of a `candles` subscription, and their cursors, as plain values."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from gateway.queries.candles.candle_list import SeriesCandle
from gateway.queries.candles.query import MAX_CANDLES, UTC_NAME
from gateway.queries.rate import UnavailableRate
from gateway.state.position import decode_opaque, encode_opaque
from gateway.subscriptions.event import EventKind
from history.interval import Interval
from history.time_zone import parse_zone
from rates.clock import EPOCH, format_us, parse_us
from rates.errors import InvalidArgument, InvalidCursor
from rates.source import Source
from rates.symbol import Symbol

MAX_CANDLE_SYMBOLS = 50
_CURSOR = "bars:"


class LiveCandlesArgs(NamedTuple):
    """The present candle of each symbol, and the `last` closed ones before it.

    `source`: `None` for the first by preference that has a history of the symbol.
    """

    symbols: tuple[Symbol, ...]
    interval: Interval
    source: Source | None = None
    last: int = 0
    zone: str = UTC_NAME


class CandlesEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event.

    `conflated_count` counts the batches merged into it. `recovered` is set on the SNAPSHOT of a resumed subscription: whether nothing
    was missed.
    """

    kind: EventKind
    cursor: str
    sent_at: datetime
    items: tuple[SeriesCandle, ...] = ()
    unavailable: tuple[UnavailableRate, ...] = ()
    conflated_count: int = 0
    throttled: bool = False
    recovered: bool | None = None


def check_live_candles(query: LiveCandlesArgs) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if not 1 <= len(query.symbols) <= MAX_CANDLE_SYMBOLS:
        raise InvalidArgument.of_length("symbols", len(query.symbols), f"1 to {MAX_CANDLE_SYMBOLS}")
    if not 0 <= query.last < MAX_CANDLES:
        raise InvalidArgument("last", query.last, f"0 to {MAX_CANDLES - 1}")
    parse_zone(query.zone)


def format_bars_cursor(applied: Iterable[datetime | None]) -> str:
    """Return the cursor of a client that has received all batches up to these times."""
    times = [EPOCH if each is None else each for each in applied]
    return encode_opaque(f"{_CURSOR}{format_us(min(times, default=EPOCH))}")


def parse_bars_cursor(text: str) -> datetime:
    """Return the time up to which the client of a cursor has received everything.

    Raises:
        InvalidCursor: the text was not made by `format_bars_cursor`.
    """
    prefix, _, number = decode_opaque(text).rpartition(":")
    try:
        found = parse_us(int(number))
    except (ValueError, OverflowError) as exc:
        raise InvalidCursor(text) from exc
    if f"{prefix}:" != _CURSOR or format_bars_cursor([found]) != text:
        raise InvalidCursor(text)
    return found
