"""Fan-out with conflation: a subscriber holds at most one pending value per instrument, so a slow one costs no memory.

Registering is synchronous and so is reading the mirror: done in one step, nothing falls between snapshot and updates.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple, TypeVar

from rates.source import Source
from rates.ticker import Ticker, TickerKey

BPS = 10_000
KeyT = TypeVar("KeyT")


class Batch(NamedTuple):
    """The newest values since the last batch, and how many updates were merged into them."""

    tickers: tuple[Ticker, ...]
    conflated: int


class Subscriber:
    """One reader's pending values. `min_change_bps`: smaller moves from the value last taken are not worth an event."""

    def __init__(self, min_change_bps: Decimal = Decimal(0)) -> None:
        self._min_change_bps = min_change_bps
        self._pending: dict[TickerKey, Ticker] = {}
        self._conflated = 0
        self._wake = asyncio.Event()
        # Only a reader with a threshold pays for remembering what it has.
        self._taken: dict[TickerKey, Decimal] | None = {} if min_change_bps else None

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def offer(self, ticker: Ticker) -> None:
        """Make `ticker` the pending value of its key; one still pending there is merged into it."""
        if self._pending.pop(ticker.key, None) is not None:
            self._conflated += 1
        if self._is_move(ticker):
            self._pending[ticker.key] = ticker
            self._wake.set()
        elif not self._pending:
            self._wake.clear()

    def note_taken(self, tickers: Iterable[Ticker]) -> None:
        """These values have reached the reader: moves are measured from them."""
        if self._taken is not None:
            self._taken.update((ticker.key, ticker.price) for ticker in tickers)

    def take(self) -> Batch:
        """All pending values, which then are pending no more."""
        batch = Batch(tuple(self._pending.values()), self._conflated)
        self._pending, self._conflated = {}, 0
        self._wake.clear()
        self.note_taken(batch.tickers)
        return batch

    async def wait(self) -> None:
        """Return when something is pending. The caller bounds the wait."""
        await self._wake.wait()

    def _is_move(self, ticker: Ticker) -> bool:
        before = None if self._taken is None else self._taken.get(ticker.key)
        return before is None or abs(ticker.price - before) * BPS >= self._min_change_bps * before


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
