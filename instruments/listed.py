"""Entries of a source's listing. Plain values; `pipeline/listings/` fetches them."""

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
