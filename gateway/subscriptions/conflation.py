"""Conflation: only the newest value per instrument is pending, which bounds memory."""

import msgspec

from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.change_log import Missed
from rates.ticker import Ticker, TickerKey


class Batch(msgspec.Struct, frozen=True, gc=False):
    """The newest values, the number of updates merged into them, and retracted instruments."""

    tickers: tuple[Ticker, ...]
    conflated: int
    retracted: tuple[TickerKey, ...] = ()


class ConflationBuffer:
    """The pending values of a cohort.

    `min_change_filter` suppresses small changes, if there is one.
    """

    __slots__ = ("conflated", "has_pending", "min_change_filter", "pending", "retracted")

    def __init__(self, min_change_filter: MinChangeFilter | None = None) -> None:
        self.min_change_filter = min_change_filter
        self.pending: dict[TickerKey, Ticker] = {}
        # Rarely needed, so most buffers have none. Replaced, never changed.
        self.retracted: dict[TickerKey, None] | None = None
        self.conflated = 0
        self.has_pending = False
        """Whether there is something to take."""

    def put(self, ticker: Ticker, key: TickerKey) -> bool:
        """Make `ticker` the pending value of its key, merging the one before into it.

        Return whether a flush is needed: a value is pending, or the deadline of the filter has moved.
        """
        if self.retracted and key in self.retracted:
            self.retracted = {each: None for each in self.retracted if each != key}
        if self.pending.pop(key, None) is not None:
            self.conflated += 1
        if self.min_change_filter is not None:
            return self._put_filtered(ticker, key, self.min_change_filter)
        self.pending[key] = ticker
        self.has_pending = True
        return True

    def retract(self, key: TickerKey) -> None:
        """Make it pending that an instrument has become unavailable, instead of a value of it."""
        self.pending.pop(key, None)
        if self.min_change_filter:
            self.min_change_filter.forget(key)
        self.retracted = {**(self.retracted or {}), key: None}
        self.has_pending = True

    def put_missed(self, missed: Missed) -> None:
        """Make pending what putting all changes one by one would. Not for a buffer with a filter."""
        pending, retracted = self.pending, dict(self.retracted or {})
        dropped, seen, before = 0, set[TickerKey](), len(pending)
        for each in missed.retractions:
            is_first = each.key not in seen
            seen.add(each.key)
            # A value that was pending is not merged into another one.
            dropped += each.replaced > missed.since or (is_first and each.key in pending)
        for key, ticker in missed.changes:
            pending.pop(key, None)
            retracted.pop(key, None)
            if ticker is None:
                retracted[key] = None
            else:
                pending[key] = ticker
        self.retracted = retracted or None
        self.conflated += missed.tickers - (len(pending) - before) - dropped
        self.has_pending = self.has_pending or bool(missed.changes)

    def invalidate(self) -> None:
        """Have an empty batch taken, though no value arrived. Not for a buffer with a filter."""
        self.has_pending = True

    def release_due(self) -> None:
        """Make the suppressed values pending that have to be sent by now."""
        for ticker in self.min_change_filter.release_due() if self.min_change_filter else ():
            self.pending[ticker.key] = ticker
            self.has_pending = True

    def take(self) -> Batch:
        """Remove and return everything pending."""
        pending, retracted = self.pending, self.retracted
        batch = Batch(tuple(pending.values()), self.conflated, tuple(retracted) if retracted else ())
        pending.clear()
        self.retracted, self.conflated, self.has_pending = None, 0, False
        if self.min_change_filter is not None:
            self.min_change_filter.mark_sent(batch.tickers)
        return batch

    def copy_to(self, other: "ConflationBuffer") -> None:
        """Make the same pending in `other`. The state of the filter is not copied."""
        other.pending, other.retracted = dict(self.pending), self.retracted
        other.conflated, other.has_pending = self.conflated, self.has_pending

    def _put_filtered(self, ticker: Ticker, key: TickerKey, min_change_filter: MinChangeFilter) -> bool:
        deadline = min_change_filter.deadline
        if min_change_filter.accept(ticker):
            self.pending[key] = ticker
            self.has_pending = True
            return True
        self.has_pending = bool(self.pending or self.retracted)
        return min_change_filter.deadline != deadline
