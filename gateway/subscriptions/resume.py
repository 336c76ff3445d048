"""Resume after a cursor: compare what the mirror has with how far the cursor has read.

Reads memory only: no round trip, no decoding, and at most one look at each instrument of the query.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import NOT_CACHED, Mirror, TickerSlot
from gateway.state.position import Cursor, StreamPosition
from gateway.subscriptions.instrument_filter import InstrumentFilter
from rates.source import Source
from rates.ticker import Ticker, TickerKey

# The replica that issued the cursor may have been slightly ahead of this one. If this one does not catch up, it is cut off.
CATCH_UP_S = 1.0


class Recovery(NamedTuple):
    """The updates missed by a resumed subscription: newest tickers and removed instruments.

    `is_complete`: every instrument of the query has a ticker, missed or not.
    """

    tickers: tuple[Ticker, ...]
    removed: tuple[TickerKey, ...]
    cursor: str
    is_complete: bool


class _Read(NamedTuple):
    """The last write of the mirror's epoch that a client has read of a source.

    `is_same_lineage`: the mirror of the client's gateway had the same tickers from before the epoch.
    """

    seq: int
    is_same_lineage: bool


class ResumeReader:
    """Reads what subscriptions have missed, from the mirror and the catalog."""

    def __init__(self, mirror: Mirror, catalog: InstrumentCatalog, rates: RateReader) -> None:
        self._mirror = mirror
        self._catalog = catalog
        self._rates = rates

    def is_behind(self, after: Cursor, sources: Iterable[Source]) -> bool:
        """Whether the cursor is ahead of the mirror in the same epoch, at any of the sources."""
        mirrors = self._mirror.sources
        return any(
            position.epoch == (at := mirrors[source].position).epoch and position.seq > at.seq
            for source in sources
            if (position := after.positions.get(source))
        )

    async def catch_up(self, after: Cursor, sources: Iterable[Source]) -> None:
        """Wait up to `CATCH_UP_S` seconds until the mirror has reached a cursor of another replica."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                for source in sources:
                    if source in after.positions:
                        await self._mirror.wait_until(source, after.positions[source])
        except TimeoutError:
            return

    def recover(
        self, query: RatesQuery, instruments: InstrumentFilter, after: Cursor, sources: Sequence[Source]
    ) -> Recovery | None:
        """The updates missed since `after`; `None` if that cannot be proved.

        The cohort must be registered in the same synchronous step.
        """
        changed = self._catalog.changed_since(after.catalog_version)
        if changed is None:
            return None
        reads: dict[Source, _Read] = {}
        for source in sources:
            read = self._compare(after.positions.get(source), self._mirror.sources[source].position)
            if read is None:
                return None
            reads[source] = read
        slots, is_complete = self._rates.list_slots(query)
        tickers = _find_missed(slots, reads, changed)
        if tickers is None:
            return None
        removed = changed - self._catalog.tracked.keys() - self._catalog.halted.keys() if changed else ()
        return Recovery(
            tickers,
            tuple(sorted(filter(instruments.matches, removed))),
            self._rates.cursor(),
            is_complete and all(slot.ticker is not None for slot in slots),
        )

    @staticmethod
    def _compare(after: StreamPosition | None, at: StreamPosition) -> _Read | None:
        """The last write read; `None` if the cursor is of another epoch, or ahead of the mirror."""
        if after is None or after.epoch != at.epoch or after.seq > at.seq:
            return None
        return _Read(after.seq, after.lineage == at.lineage)


def _find_missed(
    slots: Iterable[TickerSlot], reads: dict[Source, _Read], added: frozenset[TickerKey]
) -> tuple[Ticker, ...] | None:
    """The tickers that came after the client has read; `None` if that is unknown of one of them."""
    missed = []
    for slot in slots:
        ticker = slot.ticker
        if ticker is None:
            continue
        seq, is_same_lineage = reads[ticker.source]
        if is_same_lineage:
            is_missed = slot.seq > seq
        elif slot.cached_seq == NOT_CACHED:
            # From before a loss of the cache. The gateway of the cursor had this one, or a newer one, or none.
            return None
        else:
            is_missed = slot.cached_seq > seq
        # Instruments added to the catalog since were never sent, however old their tickers.
        if is_missed or (added and ticker.key in added):
            missed.append(ticker)
    return tuple(missed)
