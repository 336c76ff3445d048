"""Fan-out: who wants what is offered every newer value of it.

Registering is synchronous and so is reading the mirror: done in one step, nothing falls between snapshot and updates.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gateway.subscriptions.conflation import ConflationBuffer
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey


class InstrumentFilter(NamedTuple):
    """What a subscriber wants: of these sources these symbols, or all where `symbols` is `None`."""

    symbols: frozenset[Symbol] | None
    sources: frozenset[Source]

    def has(self, key: TickerKey) -> bool:
        """Whether `key` is wanted."""
        return key.source in self.sources and (self.symbols is None or key.symbol in self.symbols)


SourcesByBuffer = dict[ConflationBuffer, frozenset[Source]]


class SubscriptionRegistry:
    """Who wants what. `readers` counts those for whom it is wanted: several may share what is pending."""

    def __init__(self) -> None:
        # Dictionaries keep their order: whoever came first is served first.
        self._by_symbol: dict[Symbol, SourcesByBuffer] = {}
        self._of_all: SourcesByBuffer = {}
        self.readers = 0

    def __len__(self) -> int:
        return self.readers

    def add(self, selection: InstrumentFilter, subscriber: ConflationBuffer) -> None:
        """From here on `subscriber` hears of every publication."""
        for watchers in self._watchers(selection):
            watchers[subscriber] = selection.sources

    def remove(self, selection: InstrumentFilter, subscriber: ConflationBuffer) -> None:
        """It hears of nothing any more."""
        for watchers in self._watchers(selection):
            del watchers[subscriber]
        for symbol in selection.symbols or ():
            if not self._by_symbol[symbol]:
                del self._by_symbol[symbol]

    @contextmanager
    def registered(
        self, selection: InstrumentFilter, subscriber: ConflationBuffer
    ) -> Iterator[ConflationBuffer]:
        """`subscriber` hears of every publication from here to the end of the block, for one reader."""
        self.add(selection, subscriber)
        self.readers += 1
        try:
            yield subscriber
        finally:
            self.readers -= 1
            self.remove(selection, subscriber)

    def publish(self, ticker: Ticker) -> None:
        """Offer `ticker` to everyone who wants it. Never waits."""
        key = ticker.key
        for subscriber in self._wanting(key):
            subscriber.offer(ticker, key)

    def retract(self, key: TickerKey) -> None:
        """Tell everyone who wants `key` that it is answered no more. Never waits."""
        for subscriber in self._wanting(key):
            subscriber.retract(key)

    def _wanting(self, key: TickerKey) -> Iterator[ConflationBuffer]:
        source, symbol = key
        for watchers in (self._by_symbol.get(symbol), self._of_all):
            for subscriber, sources in watchers.items() if watchers else ():
                if source in sources:
                    yield subscriber

    def _watchers(self, selection: InstrumentFilter) -> Iterable[SourcesByBuffer]:
        if selection.symbols is None:
            return (self._of_all,)
        return [self._by_symbol.setdefault(symbol, {}) for symbol in selection.symbols]
