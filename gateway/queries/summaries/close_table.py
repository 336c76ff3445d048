"""The closes of the last day of all symbols, in memory.

They are read anew where they may have changed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.queries.candles.storage import CandleStorage
from gateway.queries.summaries.summary import CHANGES, QUARTER, LastPrices, list_quarters
from history.interval import Interval, TimeSpan
from history.span_close import SpanClose

# Later minutes may still be corrected by late trades and late proofs.
SETTLED_AFTER = timedelta(minutes=15)
# Older quarter hours that are read again each time, in turn: all within an hour, for what is filled in later.
READ_AGAIN = 2
# A price of so long ago, without a trade since, counts for a change.
LOOK_BACK = timedelta(hours=1)

Closes = Mapping[int, SpanClose]


class CloseTable:
    """Closes by quarter hour and instrument, and the last prices, up to `end`."""

    def __init__(self, storage: CandleStorage) -> None:
        self._storage = storage
        self._series: tuple[int, ...] = ()
        self._quarters: dict[datetime, Closes] = {}
        self._read_at: dict[datetime, datetime] = {}
        self.prices = LastPrices({}, ({},) * len(CHANGES))
        self.end: datetime | None = None

    def closes_of(self, series: int) -> dict[datetime, SpanClose]:
        """Return what is known of one instrument, by the beginning of the quarter hour."""
        return {start: closes[series] for start, closes in self._quarters.items() if series in closes}

    async def refresh(self, series: Sequence[int], end: datetime) -> None:
        """Read what is new or may have changed up to `end`.

        What was read stays if the rest cannot be.

        Raises:
            DatabaseUnavailable: not all of it was read.
        """
        if tuple(series) != self._series:
            self._series, self._quarters, self._read_at = tuple(series), {}, {}
        quarters = list_quarters(end)
        for start in self._quarters.keys() - set(quarters):
            del self._quarters[start], self._read_at[start]
        for start in self._list_due(quarters):
            window = TimeSpan(start, min(start + QUARTER, end))
            found = await self._storage.read_closes(series, window) if window.start < window.end else {}
            self._quarters[start], self._read_at[start] = found, end
        now = await self._read_prices(end, timedelta(days=1))
        before = [await self._read_prices(end - length, LOOK_BACK) for length in CHANGES]
        self.prices, self.end = LastPrices(now, tuple(before)), end

    async def _read_prices(self, at: datetime, look_back: timedelta) -> dict[int, Decimal]:
        found = await self._storage.read_last_bars(Interval.M1, self._series, TimeSpan(at - look_back, at))
        return {series: minute.bar.close for series, minute in found.items()}

    def _list_due(self, quarters: Sequence[datetime]) -> list[datetime]:
        """Return the quarter hours to read: new ones, those that may change, some others in turn."""
        due = [start for start in quarters if not self._is_settled(start)]
        others = sorted(set(quarters) - set(due), key=self._read_at.__getitem__)
        return due + others[:READ_AGAIN]

    def _is_settled(self, start: datetime) -> bool:
        read_at = self._read_at.get(start)
        return read_at is not None and read_at >= start + QUARTER + SETTLED_AFTER
