"""Answers queries for the record of a source, from what the recorder has stored."""

from datetime import datetime, timedelta

from gateway.cache_limits import MAX_SOURCE_HISTORIES
from gateway.lru import BoundedLru
from gateway.queries.candles.bounded_reads import BoundedReads
from gateway.queries.candles.storage import CandleStorage
from gateway.queries.source_history.query import (
    MAX_PERIODS,
    SourceHistoryQuery,
    check_source_history,
    plan_points,
)
from gateway.queries.source_history.source_history import SourceHistory, list_points
from history.interval import TimeSpan
from history.source_record import PIECE, fill_unknown
from rates.clock import Clock
from rates.errors import HistoryUnavailable


class SourceHistoryReader:
    """Reads the records of sources. `storage` is `None` in a gateway without a history."""

    def __init__(
        self, storage: CandleStorage | None, reads: BoundedReads, *, simulated: bool, clock: Clock
    ) -> None:
        self._storage, self._reads, self._simulated, self._clock = storage, reads, simulated, clock
        self._known: BoundedLru[SourceHistoryQuery, tuple[SourceHistory, datetime]] = BoundedLru(
            size=MAX_SOURCE_HISTORIES
        )

    async def read(self, query: SourceHistoryQuery) -> SourceHistory:
        """Return the answer. Equal queries are read once in a second.

        Raises:
            InvalidArgument: the time is empty, or too long.
            HistoryUnavailable: there is no history, or it cannot be read in time.
        """
        check_source_history(query)
        if self._storage is None:
            raise HistoryUnavailable("this gateway has no database of the history")
        if (found := self._find(query)) is not None:
            return found
        storage = self._storage
        return await self._reads.run(query, lambda: self._find(query), lambda: self._read(storage, query))

    def _find(self, query: SourceHistoryQuery) -> SourceHistory | None:
        known = self._known.get(query)
        return known[0] if known is not None and self._clock() < known[1] else None

    async def _read(self, storage: CandleStorage, query: SourceHistoryQuery) -> SourceHistory:
        now = self._clock()
        plan = plan_points(query, now)
        record = await storage.read_source_record(query.source, plan.window, plan.interval, MAX_PERIODS + 1)
        has_more = len(record.periods) > MAX_PERIODS
        periods = record.periods[-MAX_PERIODS:]
        start = max(query.start, periods[0].start) if has_more else query.start
        found = SourceHistory(
            query,
            fill_unknown(periods, TimeSpan(start, query.end), now),
            has_more,
            list_points(plan, record.spans),
            plan.step,
            record.earliest,
            await storage.count_verdicts(query.source, TimeSpan(query.start, query.end)),
            self._simulated,
        )
        self._known.put(query, (found, self._clock() + _fresh_for(query, now)))
        return found


def _fresh_for(query: SourceHistoryQuery, now: datetime) -> timedelta:
    """Return for how long an answer is the newest there is."""
    return PIECE if query.end < now else timedelta(seconds=1)
