"""Fan-out with conflation: a subscriber holds at most one pending value per instrument, so a slow one costs no memory.

Registering is synchronous and so is reading the mirror: done in one step, nothing falls between snapshot and updates.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar

from gateway.threshold import Threshold
from rates.source import Source
from rates.ticker import Ticker, TickerKey

KeyT = TypeVar("KeyT")


class Batch(NamedTuple):
    """The newest values since the last batch, how many updates were merged into them, and what is answered no more."""

    tickers: tuple[Ticker, ...]
    conflated: int
    retracted: tuple[TickerKey, ...] = ()


class Subscriber:
    """One reader's pending values; `threshold` says which are worth an event, without one all are."""

    def __init__(self, threshold: Threshold | None = None) -> None:
        self.threshold = threshold
        self._pending: dict[TickerKey, Ticker] = {}
        self._retracted: dict[TickerKey, None] = {}
        self._conflated = 0
        self._poked = False
        self._wake = asyncio.Event()

    @property
    def has_pending(self) -> bool:
        return bool(self._pending or self._retracted or self._poked)

    @property
    def alarm(self) -> datetime | None:
        """When something withheld becomes worth telling by the passing of time, unless something comes before."""
        return self.threshold.alarm if self.threshold else None

    def is_pending(self, key: TickerKey) -> bool:
        """Whether a value of this instrument waits to be taken."""
        return key in self._pending

    def offer(self, ticker: Ticker) -> None:
        """Make `ticker` the pending value of its key; one still pending there is merged into it."""
        key = ticker.key
        if self._retracted:
            self._retracted.pop(key, None)
        if self._pending.pop(key, None) is not None:
            self._conflated += 1
        if self.threshold is None:
            self._pending[key] = ticker
            self._wake.set()
        else:
            self._consider(ticker, self.threshold)

    def retract(self, key: TickerKey) -> None:
        """The instrument is answered no more: nothing of it is pending, and the reader is to be told."""
        self._pending.pop(key, None)
        if self.threshold:
            self.threshold.forget(key)
        self._retracted[key] = None
        self._wake.set()

    def poke(self) -> None:
        """Have the reader look, though no value came."""
        self._poked = True
        self._wake.set()

    def sound_alarm(self) -> None:
        """Make pending what time has made worth telling."""
        for ticker in self.threshold.take_due() if self.threshold else ():
            self._pending[ticker.key] = ticker

    def note_told(self, tickers: Iterable[Ticker]) -> None:
        """These values have reached the reader: moves are measured from them."""
        if self.threshold:
            self.threshold.note_told(tickers)

    def take(self) -> Batch:
        """All pending values, which then are pending no more."""
        batch = Batch(tuple(self._pending.values()), self._conflated, tuple(self._retracted))
        self._pending, self._retracted, self._conflated, self._poked = {}, {}, 0, False
        self._wake.clear()
        self.note_told(batch.tickers)
        return batch

    def _consider(self, ticker: Ticker, threshold: Threshold) -> None:
        alarm = threshold.alarm
        if threshold.admits(ticker):
            self._pending[ticker.key] = ticker
            self._wake.set()
        elif threshold.alarm != alarm:
            # Whoever waits must wait for the new alarm.
            self._wake.set()

    async def wait(self) -> None:
        """Return when something may be pending or the alarm may have moved. The caller bounds the wait and looks again."""
        await self._wake.wait()
        if not self.has_pending:
            self._wake.clear()


class Selection(NamedTuple):
    """What a subscriber wants: these instruments, or every one of these sources."""

    keys: frozenset[TickerKey] = frozenset()
    sources: frozenset[Source] = frozenset()

    def has(self, key: TickerKey) -> bool:
        """Whether `key` is wanted."""
        return key in self.keys or key.source in self.sources


class Subscribers:
    """Who wants what."""

    def __init__(self) -> None:
        # Dictionaries as sets that keep their order: whoever came first is served first.
        self._by_key: dict[TickerKey, dict[Subscriber, None]] = {}
        self._by_source: dict[Source, dict[Subscriber, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @contextmanager
    def registered(self, selection: Selection, subscriber: Subscriber) -> Iterator[Subscriber]:
        """`subscriber` hears of every publication from here to the end of the block."""
        for key in selection.keys:
            self._by_key.setdefault(key, {})[subscriber] = None
        for source in selection.sources:
            self._by_source.setdefault(source, {})[subscriber] = None
        self._count += 1
        try:
            yield subscriber
        finally:
            self._count -= 1
            self._forget(selection, subscriber)

    def publish(self, ticker: Ticker) -> None:
        """Offer `ticker` to everyone who wants it. Never waits."""
        for subscriber in self._by_key.get(ticker.key, ()):
            subscriber.offer(ticker)
        for subscriber in self._by_source.get(ticker.source, ()):
            subscriber.offer(ticker)

    def retract(self, key: TickerKey) -> None:
        """Tell everyone who wants `key` that it is answered no more. Never waits."""
        for subscriber in self._by_key.get(key, ()):
            subscriber.retract(key)
        for subscriber in self._by_source.get(key.source, ()):
            subscriber.retract(key)

    def _forget(self, selection: Selection, subscriber: Subscriber) -> None:
        for key in selection.keys:
            _discard(self._by_key, key, subscriber)
        for source in selection.sources:
            _discard(self._by_source, source, subscriber)


def _discard(index: dict[KeyT, dict[Subscriber, None]], key: KeyT, subscriber: Subscriber) -> None:
    watchers = index[key]
    del watchers[subscriber]
    if not watchers:
        del index[key]
