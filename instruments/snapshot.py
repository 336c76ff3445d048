"""The tracked instruments as bytes, to be kept outside the database. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from instruments.instrument import Halt, Instrument, Suspicion
from instruments.store import identified
from rates.errors import InvalidSymbol
from rates.source import Source
from rates.symbol import parse_symbol

VERSION = 1


class InvalidSnapshot(Exception):
    """The bytes are not a complete snapshot of this version and of this kind of data."""


class TableSnapshot(NamedTuple):
    """The instruments as they were in the database at `read_at`."""

    read_at: datetime
    instruments: tuple[Instrument, ...]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument without its assets: they follow from the reader's reviewed table."""

    source: str
    symbol: str
    source_symbol: str
    name: str
    halt: Halt | None = None
    suspicion: Suspicion | None = None
    is_confirmed: bool = False


class _Envelope(msgspec.Struct, frozen=True):
    version: int
    simulated: bool
    read_at: datetime
    digest: str
    instruments: msgspec.Raw


_envelope_decoder = msgspec.json.Decoder(_Envelope)
_entries_decoder = msgspec.json.Decoder(tuple[_Entry, ...])


def encode_snapshot(instruments: Sequence[Instrument], *, simulated: bool, read_at: datetime) -> bytes:
    """Encode a snapshot."""
    entries = msgspec.json.encode(
        [
            _Entry(
                each.source.value,
                str(each.symbol),
                each.source_symbol,
                each.name,
                each.halt,
                each.suspicion,
                each.is_confirmed,
            )
            for each in instruments
        ]
    )
    return msgspec.json.encode(_Envelope(VERSION, simulated, read_at, _digest(entries), msgspec.Raw(entries)))


def decode_snapshot(data: bytes, *, simulated: bool) -> TableSnapshot:
    """Decode a snapshot. Instruments of sources that this version does not know are left out.

    Raises:
        InvalidSnapshot: damaged, of another version, of the other kind of data, or without an instrument.
    """
    try:
        envelope = _envelope_decoder.decode(data)
        if envelope.version != VERSION:
            raise InvalidSnapshot(f"it is of version {envelope.version}: expected {VERSION}")
        if envelope.simulated != simulated:
            kinds = {True: "simulated", False: "real"}
            raise InvalidSnapshot(
                f"it is of {kinds[envelope.simulated]} data: expected {kinds[simulated]} data"
            )
        if _digest(bytes(envelope.instruments)) != envelope.digest:
            raise InvalidSnapshot("its digest does not fit: expected the bytes that were written")
        entries = _entries_decoder.decode(envelope.instruments)
        known = {member.value for member in Source}
        instruments = tuple(_instrument(each) for each in entries if each.source in known)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidSymbol) as exc:
        raise InvalidSnapshot(f"it cannot be read: {exc}") from exc
    if not instruments:
        raise InvalidSnapshot("it holds no instrument: expected at least one")
    return TableSnapshot(envelope.read_at, instruments)


def _instrument(entry: _Entry) -> Instrument:
    plain = Instrument(Source(entry.source), parse_symbol(entry.symbol), entry.source_symbol, entry.name)
    return msgspec.structs.replace(
        identified(plain, is_confirmed=entry.is_confirmed), halt=entry.halt, suspicion=entry.suspicion
    )


def _digest(entries: bytes) -> str:
    return hashlib.sha256(entries).hexdigest()
