"""The answer to a query for candles, as a plain value."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from history.candle import Candle
from history.coverage import Gap
from history.interval import Interval
from rates.ticker import TickerKey


class CandleSeries(NamedTuple):
    """The series of all candles of an answer. `known_at`: `None` for what is known now."""

    key: TickerKey
    interval: Interval
    zone: str
    known_at: datetime | None = None


class SeriesCandle(NamedTuple):
    """A candle with its instrument."""

    series: CandleSeries
    candle: Candle


class CandleList(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A page of candles, by time.

    `gaps` are the times between the first candle and the last in which trades may be missing, `None` with `known_at`. `earliest`:
    the beginning of the history, `None` if there is none. `lasts`: for how long nothing of it changes.
    """

    series: CandleSeries
    items: tuple[SeriesCandle, ...]
    gaps: tuple[Gap, ...] | None
    has_more_gaps: bool = False
    cursor: str
    has_more: bool
    earliest: datetime | None
    lasts: timedelta
