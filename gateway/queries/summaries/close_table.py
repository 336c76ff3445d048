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
# Minutes that are read by one statement: an hour of 400 instruments, a day of 16.
MAX_MINUTES = 24_000
# A price of so long ago, without a trade since, counts for a change.
LOOK_BACK = timedelta(hours=1)
# Of a quarter hour.
MINUTES = 15

Closes = Mapping[int, SpanClose]


class CloseTable:
    """Closes by quarter hour and instrument, and the last prices, up to `end`."""

    def __init__(self, storage: CandleStorage) -> None:
        self._storage = storage
        self._series: tuple[int, ...] = ()
        self._quarters: dict[datetime, Closes] = {}
        self._read_at: dict[datetime, datetime] = {}
        # The instruments whose closes of a quarter hour were read.
        self._read_for: dict[datetime, frozenset[int]] = {}
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
        self._series = tuple(series)
        quarters = list_quarters(end)
        for start in self._quarters.keys() - set(quarters):
            del self._quarters[start], self._read_at[start], self._read_for[start]
        for run, wanted in list(self._list_reads(quarters)):
            window = TimeSpan(run[0], min(run[-1] + QUARTER, end))
            found = (
                await self._storage.read_quarter_closes(wanted, window) if window.start < window.end else {}
            )
            for start in run:
                self._put(start, wanted, found.get(start, {}), end)
        before = [await self._read_prices(end - length) for length in CHANGES]
        self.prices, self.end = LastPrices(self._find_last(), tuple(before)), end

    def _put(self, start: datetime, read_for: Sequence[int], closes: Closes, end: datetime) -> None:
        """Keep the closes of a quarter hour: of all instruments, or of those that were added."""
        if len(read_for) < len(self._series):
            closes = {**self._quarters[start], **closes}
            self._read_for[start] |= frozenset(read_for)
        else:
            self._read_at[start], self._read_for[start] = end, frozenset(read_for)
        self._quarters[start] = closes

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

    def _list_reads(self, quarters: Sequence[datetime]) -> Iterator[tuple[list[datetime], tuple[int, ...]]]:
        """Yield runs of quarter hours that follow each other, with the instruments to read.

        Those are all of them, or the ones that were added since. Each run is short enough for one statement.
        """
        due = set(self._list_due(quarters))
        run: list[datetime] = []
        wanted: tuple[int, ...] = ()
        for start in sorted(quarters):
            known = self._read_for.get(start, frozenset()) if start not in due else frozenset()
            needed = tuple(one for one in self._series if one not in known)
            if run and (needed != wanted or len(run) * MINUTES * len(wanted) >= MAX_MINUTES):
                yield run, wanted
                run = []
            wanted = needed
            if needed:
                run.append(start)
        if run:
            yield run, wanted

    def _is_settled(self, start: datetime) -> bool:
        read_at = self._read_at.get(start)
        return read_at is not None and read_at >= start + QUARTER + SETTLED_AFTER
