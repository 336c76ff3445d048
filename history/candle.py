"""Candles: a bar, or the lack of one, with the state and the coverage of its time."""

from datetime import datetime
from enum import StrEnum

import msgspec

from history.bar import Bar
from history.coverage import CandleCoverage
from history.interval import Interval


class CandleOrigin(StrEnum):
    """TRADES: our fold of trades. EXCHANGE: the source's own candle.

    SAMPLES: sampled prices, without a volume.
    """

    TRADES = "TRADES"
    EXCHANGE = "EXCHANGE"
    SAMPLES = "SAMPLES"


class CandleState(StrEnum):
    """FORMING: its time is not over.

    CORRECTED: it was closed with another value before; `revision` counts those.
    """

    FORMING = "FORMING"
    CLOSED = "CLOSED"
    CORRECTED = "CORRECTED"


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """The trades of one span of an interval, as far as they were known at `as_of`.

    `bar` is `None` if no trade is known. `known_at`: when this revision became known.
    """

    interval: Interval
    open_time: datetime
    close_time: datetime
    bar: Bar | None
    state: CandleState
    coverage: CandleCoverage
    revision: int
    known_at: datetime
    origin: CandleOrigin = CandleOrigin.TRADES
    simulated: bool = False


def closed_state(revision: int) -> CandleState:
    """Return the state of a candle whose time is over."""
    return CandleState.CORRECTED if revision else CandleState.CLOSED
