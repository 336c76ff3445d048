"""Entries of a listing, of which one may be unreadable."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import structlog

from pipeline.net.decode_errors import DECODE_ERRORS
from rates.errors import SourceProtocolError
from rates.source import Source

T = TypeVar("T")

# Of a listing. Instruments that are missing from it count as delisted, so that more than this is no accident of one entry.
MAX_UNREADABLE_SHARE = 0.01

_log = structlog.get_logger("ratewire.listings")


def decode_entries(
    source: Source, decoder: "msgspec.json.Decoder[T]", entries: Sequence[msgspec.Raw]
) -> list[T]:
    """Decode the entries of a listing, without those that are unreadable, which are logged.

    Raises:
        SourceProtocolError: more than one entry and more than 1 % of them are unreadable, or all of them.
    """
    decoded: list[T] = []
    unreadable: list[str] = []
    for entry in entries:
        try:
            decoded.append(decoder.decode(entry))
        except DECODE_ERRORS as exc:
            unreadable.append(f"{bytes(entry)[:160]!r}: {exc}")
    if unreadable:
        if not decoded or len(unreadable) > max(1, MAX_UNREADABLE_SHARE * len(entries)):
            raise SourceProtocolError(
                source,
                f"{len(unreadable)} of {len(entries)} entries are unreadable, the first: {unreadable[0]}",
            )
        _log.warning("entries refused", source=source.value, entries=len(unreadable), first=unreadable[0])
    return decoded
