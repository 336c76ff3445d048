"""What a source says that it lists, before anybody tracks it. Plain values; who asks the sources is in `pipeline/`."""

from enum import StrEnum

import msgspec


class TradingStatus(StrEnum):
    """Whether a source makes new prices of an instrument."""

    TRADING = "TRADING"
    HALTED = "HALTED"


class ListedInstrument(msgspec.Struct, frozen=True):
    """One entry of a source's own listing.

    `base` and `quote` are the source's assets in upper case, never split from `source_symbol` by guessing; `quote` is `None`
    where the source prices a base in any of its currencies. `name` is the base asset's, its code where the source has none.
    `word` is the source's own for the status, e.g. `BREAK`: people look for it.
    """

    source_symbol: str
    base: str
    quote: str | None
    name: str
    status: TradingStatus
    word: str
