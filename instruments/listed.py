"""Entries of a source's listing. Plain values; `pipeline/listings/` fetches them."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class TradingStatus(StrEnum):
    """Whether an instrument is traded at its source."""

    TRADING = "TRADING"
    HALTED = "HALTED"


class ListedInstrument(msgspec.Struct, frozen=True):
    """One entry of a source's listing.

    `base` and `quote` are the source's asset codes in upper case, never guessed from `source_symbol`. `quote` is
    `None` where the source prices the base in any currency. `name` is the display name of the base asset, or its
    code. `word` is the source's own status word, e.g. `BREAK`.
    """

    source_symbol: str
    base: str
    quote: str | None
    name: str
    status: TradingStatus
    word: str


class InstrumentListing(msgspec.Struct, frozen=True):
    """A source's listing: its readable entries, and what is known of the others.

    `skipped` has one item for each unreadable entry: its source symbol, or `None` where that is unreadable, too.
    """

    instruments: Sequence[ListedInstrument]
    skipped: Sequence[str | None] = ()

    @property
    def size(self) -> int:
        """The number of entries, readable or not."""
        return len(self.instruments) + len(self.skipped)

    def may_skip(self, source_symbol: str) -> bool:
        """Tell whether one of the unreadable entries may be that of `source_symbol`."""
        return None in self.skipped or source_symbol in self.skipped
