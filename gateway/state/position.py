"""Stream positions, and the opaque cursors that encode how far a client has read."""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from gateway.cache_limits import MAX_PARSED_CURSORS
from rates.errors import InvalidCursor
from rates.source import Source


class StreamPosition(NamedTuple):
    """A position in one source's stream of writes.

    The epoch is empty if nothing was ever written. `lineage` identifies what a mirror still has from epochs before: it is a
    hash of the positions at which it left them. Mirrors at equal positions have equal tickers.
    """

    epoch: str
    seq: int
    lineage: str = ""


Positions = Mapping[Source, StreamPosition]


class Cursor(NamedTuple):
    """The position read of each source, and the `InstrumentCatalog.version` at that time."""

    positions: Positions
    catalog_version: str = ""


MAX_CURSOR_LENGTH = 1_000
_SOURCES = {source.value: source for source in Source}
_POSITION = re.compile(
    r"(?P<source>[a-z0-9_]+):(?P<epoch>[0-9A-Za-z]*)(-(?P<lineage>[0-9a-f]+))?:(?P<seq>[0-9]{1,15})\Z",
    re.ASCII,
)
_CATALOG_VERSION = re.compile(r"@(?P<version>[0-9a-f]{1,32})\Z", re.ASCII)


def format_cursor(cursor: Cursor) -> str:
    """Encode a cursor: `source:epoch-lineage:seq` per source, then `@version` of the catalog."""
    parts = [_format_position(source, position) for source, position in cursor.positions.items()]
    return encode_opaque(
        ",".join([*parts, f"@{cursor.catalog_version}"] if cursor.catalog_version else parts)
    )


@lru_cache(maxsize=MAX_PARSED_CURSORS)
def parse_cursor(text: str) -> Cursor:
    """Decode a cursor; sources unknown to this process are skipped.

    Raises:
        InvalidCursor: the text was not made by `format_cursor`.
    """
    positions, catalog_version = {}, ""
    for part in decode_opaque(text).split(","):
        if match := _POSITION.match(part):
            if source := _SOURCES.get(match["source"]):
                positions[source] = StreamPosition(match["epoch"], int(match["seq"]), match["lineage"] or "")
        elif match := _CATALOG_VERSION.match(part):
            catalog_version = match["version"]
        else:
            raise InvalidCursor(text)
    return Cursor(positions, catalog_version)


def _format_position(source: Source, position: StreamPosition) -> str:
    epoch, seq, lineage = position
    return f"{source}:{epoch}-{lineage}:{seq}" if lineage else f"{source}:{epoch}:{seq}"


def encode_opaque(text: str) -> str:
    """Encode the content of a cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_opaque(text: str) -> str:
    """Decode the content of a cursor.

    Raises:
        InvalidCursor: too long, or not made by `encode_opaque`.
    """
    try:
        if len(text) > MAX_CURSOR_LENGTH:
            raise InvalidCursor(text)
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as exc:
        raise InvalidCursor(text) from exc
