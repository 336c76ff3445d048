"""Cursors: opaque text that says how far a client has read. Ours alone to read; anything else is `InvalidCursor`."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

from rates.errors import InvalidCursor, InvalidSymbol
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import TickerKey


class StreamPosition(NamedTuple):
    """One source's place in the order of writes. An empty epoch: nothing was ever written."""

    epoch: str
    seq: int


Positions = Mapping[Source, StreamPosition]


class Cursor(NamedTuple):
    """How far a client has read each source, and which instruments were tracked then (`InstrumentCatalog.version`)."""

    position: Positions
    tracked: str = ""


MAX_CURSOR_LENGTH = 1_000
_SOURCES = {source.value: source for source in Source}
_PLACE = re.compile(r"(?P<source>[a-z0-9_]+):(?P<epoch>[0-9A-Za-z-]*):(?P<seq>[0-9]{1,15})\Z", re.ASCII)
_TRACKED = re.compile(r"@(?P<version>[0-9a-f]{1,32})\Z", re.ASCII)


def format_cursor(cursor: Cursor) -> str:
    """The text of a cursor: `source:epoch:seq` of every source, `@version` of the tracked instruments."""
    parts = [f"{source}:{place.epoch}:{place.seq}" for source, place in cursor.position.items()]
    return _wrap(",".join([*parts, f"@{cursor.tracked}"] if cursor.tracked else parts))


def parse_cursor(text: str) -> Cursor:
    """The cursor in a text; sources that this process does not know are left out.

    Raises:
        InvalidCursor: not one that `format_cursor` made.
    """
    position, tracked = {}, ""
    for part in _unwrap(text).split(","):
        if match := _PLACE.match(part):
            if source := _SOURCES.get(match["source"]):
                position[source] = StreamPosition(match["epoch"], int(match["seq"]))
        elif match := _TRACKED.match(part):
            tracked = match["version"]
        else:
            raise InvalidCursor(text)
    return Cursor(position, tracked)


def format_page_cursor(key: TickerKey) -> str:
    """The cursor of one instrument in a list of instruments."""
    return _wrap(f"{key.source}:{key.symbol}")


def parse_page_cursor(text: str) -> TickerKey:
    """The instrument at such a cursor.

    Raises:
        InvalidCursor: not one that `format_page_cursor` made.
    """
    source, _, symbol = _unwrap(text).partition(":")
    try:
        return TickerKey(Source(source), parse_symbol(symbol))
    except (ValueError, InvalidSymbol) as exc:
        raise InvalidCursor(text) from exc


def _wrap(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _unwrap(text: str) -> str:
    try:
        if len(text) > MAX_CURSOR_LENGTH:
            raise InvalidCursor(text)
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as exc:
        raise InvalidCursor(text) from exc
