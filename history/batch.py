"""Results of folding one source since the last batch, for the gateways and the storage."""

from datetime import datetime

import msgspec

from history.instrument_coverage import CoverageEnd, CoverageStart
from history.second_fold import SecondBar
from rates.source import Source
from rates.symbol import Symbol


class InstrumentBar(msgspec.Struct, frozen=True, gc=False):
    """A second of an instrument."""

    symbol: Symbol
    second: SecondBar


class InstrumentStart(msgspec.Struct, frozen=True):
    """The beginning of an instrument's covered span."""

    symbol: Symbol
    start: CoverageStart


class InstrumentEnd(msgspec.Struct, frozen=True):
    """The end of an instrument's covered span."""

    symbol: Symbol
    end: CoverageEnd


class BarBatch(msgspec.Struct, frozen=True, kw_only=True):
    """`closed`: seconds that were closed or corrected.

    `forming`: those that are not over, and have changed.

    `session` and `number` (1, 2, …) order the batches of one folding process. `spans`: starts and ends in the order in which they were
    found. Until `through`, every trade of the instruments with an open span has arrived; `None` if there is none. `open_spans`, in
    some batches: the start of every open span, for a reader who missed a batch. `folded_at`: by the corrected clock.
    """

    source: Source
    session: str
    number: int
    folded_at: datetime
    closed: tuple[InstrumentBar, ...] = ()
    forming: tuple[InstrumentBar, ...] = ()
    spans: tuple[InstrumentStart | InstrumentEnd, ...] = ()
    through: datetime | None = None
    open_spans: tuple[InstrumentStart, ...] | None = None
    simulated: bool = False


class TradePosition(msgspec.Struct, frozen=True):
    """The last trade of an instrument in a closed second. From `whole_from` on none is missing."""

    symbol: Symbol
    last_id: int | str
    last_at: datetime
    whole_from: datetime | None = None
