"""Instrument: one symbol as one source publishes it."""

import msgspec

from rates.source import Source
from rates.symbol import Symbol


class Instrument(msgspec.Struct, frozen=True):
    """`source_symbol` is the source's own spelling (`BTCUSDT`, `bitcoin`); `name` is the base asset's, for people."""

    source: Source
    symbol: Symbol
    source_symbol: str
    name: str
