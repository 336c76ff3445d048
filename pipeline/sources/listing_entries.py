"""Entries of a listing, of which one may be unreadable. Pure, except for the log."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import structlog

from instruments.listed import InstrumentListing, ListedInstrument
from pipeline.net.decode_errors import DECODE_ERRORS
from rates.errors import SourceProtocolError
from rates.source import Source

T = TypeVar("T")

# Of a listing. More than this is a new format rather than an accident of single entries.
MAX_UNREADABLE_SHARE = 0.1

_log = structlog.get_logger("ratewire.listings")
_any_object_decoder = msgspec.json.Decoder(dict[str, object])


def read_entries(
    source: Source,
    entries: Sequence[msgspec.Raw],
    decoder: "msgspec.json.Decoder[T]",
    to_listed: Callable[[T], ListedInstrument | None],
    *,
    key: str,
    spell: Callable[[str], str] = str,
) -> InstrumentListing:
    """Read the entries of a listing; log and name those that are unreadable.

    `to_listed` returns `None` for entries to leave out. `key` is the field with the source symbol, which `spell` changes
    to the spelling of the feeds.

    Raises:
        SourceProtocolError: more than one entry and more than 10 % of them are unreadable, or all of them.
    """
    decoded: list[T] = []
    skipped: list[str | None] = []
    first = ""
    for entry in entries:
        try:
            decoded.append(decoder.decode(entry))
        except DECODE_ERRORS as exc:
            first = first or f"{bytes(entry)[:160]!r}: {exc}"
            name = _read_name(entry, key)
            skipped.append(None if name is None else spell(name))
    if skipped:
        if not decoded or len(skipped) > max(1, MAX_UNREADABLE_SHARE * len(entries)):
            raise SourceProtocolError(
                source, f"{len(skipped)} of {len(entries)} entries are unreadable, the first: {first}"
            )
        _log.warning("entries refused", source=source.value, entries=len(skipped), first=first)
    return InstrumentListing([one for each in decoded if (one := to_listed(each)) is not None], skipped)


def _read_name(entry: msgspec.Raw, key: str) -> str | None:
    """Return the source symbol of an entry that is unreadable otherwise."""
    try:
        name = _any_object_decoder.decode(entry).get(key)
    except DECODE_ERRORS:
        return None
    return name if isinstance(name, str) and name else None
