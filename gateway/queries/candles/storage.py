"""Port of the stored history."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from history.candle import Candle
from history.candle_fold import KnownBar
from history.candle_parts import Portion
from history.coverage import CoveredSpan
from history.interval import Interval, TimeSpan
from history.kline_check import KlineVerdict
from history.place import RolledUp
from history.source_record import SourceRecord
from history.span_close import SpanClose
from rates.source import Source
from rates.ticker import TickerKey


class CandleStorage(Protocol):
    """Stored parts of candles, as known now or at a time. All raise `DatabaseUnavailable`."""

    async def read_series(self) -> dict[TickerKey, int]:
        """Return the number of each instrument with a history."""
        ...

    async def read_earliest(self, series: int) -> datetime | None:
        """Return the time of the first stored hour or minute, without one of the first second."""
        ...

    async def read_minutes(
        self, series: int, window: TimeSpan, known_at: datetime | None = None
    ) -> list[Candle]:
        """Return the minutes of which something is known, in the order of time."""
        ...

    async def read_rolled_up(self, source: Source) -> RolledUp:
        """Return the time of which bars longer than a minute are stored."""
        ...

    async def read_folded(
        self,
        series: int,
        portions: Sequence[Portion],
        known_at: datetime | None = None,
        interval: Interval = Interval.M1,
    ) -> list[Candle]:
        """Return one part for each portion of which something is known, in order.

        They are made of stored minutes, quarters, hours or days (`interval`).
        """
        ...

    async def read_seconds(
        self, series: int, window: TimeSpan, known_at: datetime | None = None
    ) -> list[KnownBar]:
        """Return the seconds with trades, in the order of time."""
        ...

    async def read_spans(
        self, series: int, source: Source, window: TimeSpan, limit: int
    ) -> tuple[list[CoveredSpan], datetime | None]:
        """Return the newest covered spans of a time, and the last one before it, in order.

        Those that go on end `OPEN`; the second value is until when they are proved.
        """
        ...

    async def read_closes(
        self,
        series: Collection[int],
        window: TimeSpan,
        interval: Interval = Interval.M1,
        known_at: datetime | None = None,
    ) -> dict[int, SpanClose]:
        """Return the close of each instrument in a span of whole minutes or hours.

        Instruments without a stored one in it are left out.
        """
        ...

    async def read_quarter_closes(
        self, series: Collection[int], window: TimeSpan
    ) -> dict[datetime, dict[int, SpanClose]]:
        """Return the close of each instrument in each quarter hour of a span."""
        ...

    async def read_source_record(
        self, source: Source, window: TimeSpan, interval: Interval, limit: int
    ) -> SourceRecord:
        """Return the record of a source in a window.

        It has the figures of each span of an interval, and the newest `limit` periods.
        """
        ...

    async def count_verdicts(self, source: Source, window: TimeSpan) -> Counter[KlineVerdict]:
        """Return for how many minutes of all instruments each verdict was given."""
        ...

    async def read_last_bars(
        self,
        interval: Interval,
        series: Collection[int],
        window: TimeSpan,
        known_at: datetime | None = None,
    ) -> dict[int, KnownBar]:
        """Return each instrument's last bar with a trade that begins in the window, if any."""
        ...
