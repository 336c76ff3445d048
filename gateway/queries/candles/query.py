"""The arguments of a query for candles, as a plain value, and their validation."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from gateway.state.position import decode_opaque, encode_opaque
from history.interval import Interval
from history.time_zone import parse_zone
from rates.clock import format_us, parse_us
from rates.errors import InvalidArgument, InvalidCursor
from rates.source import Source
from rates.symbol import Symbol

DEFAULT_CANDLES, MAX_CANDLES = 300, 1_000
UTC_NAME = "UTC"
# No instrument was traded before, and all offsets of time zones have been whole minutes since.
FIRST_TIME = datetime(2009, 1, 1, tzinfo=UTC)
LAST_TIME = datetime(2200, 1, 1, tzinfo=UTC)
RESOLUTION = timedelta(microseconds=1)
_CURSOR = "candles:"


class CandlesQuery(NamedTuple):
    """The newest `last` candles that begin between `start` and `end`, and before `before`.

    `source`: `None` for the first by preference that has any. `known_at`: as they were known then; `None` for now.
    """

    symbol: Symbol
    interval: Interval
    source: Source | None = None
    start: datetime | None = None
    end: datetime | None = None
    last: int = DEFAULT_CANDLES
    before: datetime | None = None
    zone: str = UTC_NAME
    known_at: datetime | None = None


def check_candles(query: CandlesQuery, now: datetime) -> None:
    """Validate the arguments.

    Raises:
        InvalidArgument: an argument is out of range.
    """
    if not 1 <= query.last <= MAX_CANDLES:
        raise InvalidArgument("last", query.last, f"1 to {MAX_CANDLES}")
    for name, time in (("from", query.start), ("to", query.end)):
        if time is not None and not FIRST_TIME <= time <= LAST_TIME:
            raise InvalidArgument(name, time.isoformat(), f"{FIRST_TIME.year} to {LAST_TIME.year}")
    if query.start is not None and query.end is not None and query.start >= query.end:
        raise InvalidArgument("to", query.end.isoformat(), "a time after `from`")
    if query.known_at is not None:
        if not FIRST_TIME <= query.known_at <= now:
            raise InvalidArgument("knownAt", query.known_at.isoformat(), "a time that is not in the future")
        if query.interval is Interval.S1:
            raise InvalidArgument("interval", "S1", "M1 or longer with `knownAt`")
    parse_zone(query.zone)


def format_candle_cursor(open_time: datetime) -> str:
    """Return the cursor of the candle that begins at a time."""
    return encode_opaque(f"{_CURSOR}{format_us(open_time)}")


def parse_candle_cursor(text: str) -> datetime:
    """Return the time at which the candle of a cursor begins.

    Raises:
        InvalidCursor: the text was not made by `format_candle_cursor`.
    """
    number = decode_opaque(text).removeprefix(_CURSOR)
    try:
        found = parse_us(int(number))
    except (ValueError, OverflowError) as exc:
        raise InvalidCursor(text) from exc
    if not FIRST_TIME <= found <= LAST_TIME or format_candle_cursor(found) != text:
        raise InvalidCursor(text)
    return found
