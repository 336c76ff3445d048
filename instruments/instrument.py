"""Instrument: a symbol at a source."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from rates.source import Source
from rates.symbol import Symbol


class Halt(msgspec.Struct, frozen=True):
    """Trading halt: the source's status `word`, and when its listing first showed it."""

    word: str
    since: datetime


class Suspicion(msgspec.Struct, frozen=True):
    """A likely clash of identities: the prices that were too far apart, and since when."""

    detail: str
    since: datetime


class Instrument(msgspec.Struct, frozen=True):
    """A tracked symbol at a source.

    `source_symbol` is the source's spelling (`BTCUSDT`, `bitcoin`).

    `name` is the display name of the base asset. A halted instrument stays tracked, but is not fetched, and queries
    report it as not trading until the halt ends. `base_asset` and `quote_asset` are the ids of the assets that the
    symbol means at this source, `None` where nobody has reviewed that: such an instrument is answered, but never merged
    with those of other sources. `is_confirmed`: an operator has confirmed the identity. A suspected one is kept out of lists and merged answers until an operator decides.
    """

    source: Source
    symbol: Symbol
    source_symbol: str
    name: str
    halt: Halt | None = None
    base_asset: str | None = None
    quote_asset: str | None = None
    suspicion: Suspicion | None = None
    is_confirmed: bool = False

    @property
    def is_reviewed(self) -> bool:
        """Tell whether both assets are known: only then may it be merged with other sources."""
        return self.base_asset is not None and self.quote_asset is not None

    @property
    def removal(self) -> "Removal":
        """The note that a command leaves when it removes this instrument."""
        return Removal(self.source, self.symbol, self.source_symbol)


class Removal(NamedTuple):
    """An instrument that a command removed, or tracks by another source symbol since."""

    source: Source
    symbol: Symbol
    source_symbol: str
