"""Instrument: one symbol as one source publishes it."""

from datetime import datetime

import msgspec

from rates.source import Source
from rates.symbol import Symbol


class Halt(msgspec.Struct, frozen=True):
    """A source makes no prices of an instrument: its own `word` for that, and since when its listing was seen to say so."""

    word: str
    since: datetime


class Instrument(msgspec.Struct, frozen=True):
    """`source_symbol` is the source's own spelling (`BTCUSDT`, `bitcoin`); `name` is the base asset's, for people.

    One with a `halt` stays tracked, but is neither asked for nor answered until its source trades it again.
    """

    source: Source
    symbol: Symbol
    source_symbol: str
    name: str
    halt: Halt | None = None
