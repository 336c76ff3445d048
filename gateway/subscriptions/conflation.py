"""What waits to be told: at most one value per instrument, the newest, so that whoever is slow costs no memory."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from gateway.subscriptions.change_filter import MinChangeFilter
from rates.ticker import Ticker, TickerKey


class Batch(NamedTuple):
    """The newest values since the last batch, how many updates were merged into them, and what is answered no more."""

    tickers: tuple[Ticker, ...]
    conflated: int
    retracted: tuple[TickerKey, ...] = ()


class ConflationBuffer:
    """Pending values; `threshold` says which are worth an event, without one all are."""

    __slots__ = ("_conflated", "_pending", "_poked", "_retracted", "threshold")

    def __init__(self, threshold: MinChangeFilter | None = None) -> None:
        self.threshold = threshold
        self._pending: dict[TickerKey, Ticker] = {}
        # Seldom: no dictionary for whoever has none. Replaced, never changed.
        self._retracted: dict[TickerKey, None] | None = None
        self._conflated = 0
        self._poked = False

    @property
    def has_pending(self) -> bool:
        return bool(self._pending or self._retracted or self._poked)

    @property
    def deadline(self) -> datetime | None:
        """When something withheld becomes worth telling by the passing of time, unless something comes before."""
        return self.threshold.deadline if self.threshold else None

    def is_pending(self, key: TickerKey) -> bool:
        """Whether a value of this instrument waits to be taken."""
        return key in self._pending

    def put(self, ticker: Ticker, key: TickerKey) -> None:
        """Make `ticker` the pending value of its key; one still pending is merged into it."""
        if self._retracted and key in self._retracted:
            self._retracted = {each: None for each in self._retracted if each != key}
        if self._pending.pop(key, None) is not None:
            self._conflated += 1
        if self.threshold is None:
            self._pending[key] = ticker
            self.stir()
        else:
            self._consider(ticker, key, self.threshold)

    def retract(self, key: TickerKey) -> None:
        """The instrument is answered no more: nothing of it is pending, and that is to be told."""
        self._pending.pop(key, None)
        if self.threshold:
            self.threshold.forget(key)
        self._retracted = {**(self._retracted or {}), key: None}
        self.stir()

    def poke(self) -> None:
        """Have it looked at, though no value came."""
        self._poked = True
        self.stir()

    def stir(self) -> None:
        """Something may be pending, or the deadline may have moved. Here nobody waits for it."""

    def sound_alarm(self) -> None:
        """Make pending what time has made worth telling."""
        for ticker in self.threshold.take_due() if self.threshold else ():
            self._pending[ticker.key] = ticker

    def note_told(self, tickers: Iterable[Ticker]) -> None:
        """These values have been told: moves are measured from them."""
        if self.threshold:
            self.threshold.note_told(tickers)

    def take(self) -> Batch:
        """All pending values, which then are pending no more."""
        batch = Batch(tuple(self._pending.values()), self._conflated, tuple(self._retracted or ()))
        self._pending, self._retracted, self._conflated, self._poked = {}, None, 0, False
        self.note_told(batch.tickers)
        return batch

    def lend_pending(self, other: "ConflationBuffer") -> None:
        """Have the same pending there as here. Of values withheld it learns nothing."""
        other.borrow(dict(self._pending), self._retracted, self._conflated, poked=self._poked)

    def borrow(
        self,
        pending: dict[TickerKey, Ticker],
        retracted: dict[TickerKey, None] | None,
        conflated: int,
        *,
        poked: bool,
    ) -> None:
        """Have this pending, as it comes from `lend_pending`."""
        self._pending, self._retracted, self._conflated, self._poked = pending, retracted, conflated, poked

    def _consider(self, ticker: Ticker, key: TickerKey, threshold: MinChangeFilter) -> None:
        deadline = threshold.deadline
        if threshold.admits(ticker):
            self._pending[key] = ticker
            self.stir()
        elif threshold.deadline != deadline:
            # Whoever waits must wait for the new deadline.
            self.stir()
