"""Instrument: a symbol at a source."""

from datetime import datetime

import msgspec

from rates.source import Source
from rates.symbol import Symbol


class Halt(msgspec.Struct, frozen=True):
    """Trading halt: the source's status `word`, and when its listing first showed it."""

    word: str
    since: datetime


class Instrument(msgspec.Struct, frozen=True):
    """A tracked symbol at a source.

    `source_symbol` is the source's spelling (`BTCUSDT`, `bitcoin`).

    `name` is the display name of the base asset. A halted instrument stays tracked, but is not fetched, and queries
    report it as not trading until the halt ends.
    """

    source: Source
    symbol: Symbol
    source_symbol: str
    name: str
    halt: Halt | None = None
