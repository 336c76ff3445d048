"""The closes of the last day of all symbols, in memory.

They are read anew where they may have changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.queries.candles.storage import CandleStorage
from gateway.queries.summaries.summary import CHANGES, QUARTER, LastPrices, list_quarters
from history.interval import TimeSpan
from history.span_close import SpanClose

# Later minutes may still be corrected by late trades and late proofs.
SETTLED_AFTER = timedelta(minutes=15)
# Older quarter hours that are read again each time, in turn: all within an hour, for what is filled in later.
READ_AGAIN = 2
# Quarter hours that are read by one statement: with 400 instruments, 24,000 minutes.
MAX_RUN = 4
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
        for run in _list_runs(sorted(self._list_due(quarters))):
            window = TimeSpan(run[0], min(run[-1] + QUARTER, end))
            found = (
                await self._storage.read_quarter_closes(series, window) if window.start < window.end else {}
            )
            for start in run:
                self._quarters[start], self._read_at[start] = found.get(start, {}), end
        before = [await self._read_prices(end - length) for length in CHANGES]
        self.prices, self.end = LastPrices(self._find_last(), tuple(before)), end

    def _find_last(self) -> dict[int, Decimal]:
        prices: dict[int, Decimal] = {}
        for start in sorted(self._quarters):
            prices |= {
                one: each.close for one, each in self._quarters[start].items() if each.close is not None
            }
        return prices

    async def _read_prices(self, at: datetime) -> dict[int, Decimal]:
        found = await self._storage.read_closes(self._series, TimeSpan(at - LOOK_BACK, at))
        return {series: each.close for series, each in found.items() if each.close is not None}

    def _list_due(self, quarters: Sequence[datetime]) -> list[datetime]:
        """Return the quarter hours to read: new ones, those that may change, some others in turn."""
        due = [start for start in quarters if not self._is_settled(start)]
        others = sorted(set(quarters) - set(due), key=self._read_at.__getitem__)
        return due + others[:READ_AGAIN]

    def _is_settled(self, start: datetime) -> bool:
        read_at = self._read_at.get(start)
        return read_at is not None and read_at >= start + QUARTER + SETTLED_AFTER


def _list_runs(quarters: Sequence[datetime]) -> Iterator[list[datetime]]:
    """Yield runs of quarter hours that follow each other, each short enough for one statement."""
    run: list[datetime] = []
    for start in quarters:
        if run and (start != run[-1] + QUARTER or len(run) == MAX_RUN):
            yield run
            run = []
        run.append(start)
    if run:
        yield run
