"""The index of live subscriptions by instrument: publishes tickers to matching buffers.

Registering and reading the mirror are synchronous: in one step, no ticker is lost between a snapshot and the updates.
"""

from collections.abc import Container, Iterable
from typing import Protocol as Role

from gateway.subscriptions.change_log import ChangeLog, Missed, Suspension
from gateway.subscriptions.flush import Publications
from gateway.subscriptions.instrument_filter import InstrumentFilter
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey

# Calls of `put` in a turn of the loop for buffers of all symbols; after these they are suspended. About 4 ms.
MAX_PUTS = 10_000


class TickerBuffer(Role):
    """A receiver of published tickers. It must not block."""

    def put(self, ticker: Ticker, key: TickerKey, /) -> object:
        """Accept the newest ticker of an instrument."""
        ...

    def retract(self, key: TickerKey, /) -> object:
        """Accept that an instrument has become unavailable."""
        ...

    def suspend_for_now(self) -> object:
        """Leave the registry with `suspend` until the next flush, if that is possible."""
        ...


class Catalog(Role):
    """The available instruments."""

    @property
    def tracked(self) -> Container[TickerKey]:
        """The instruments whose tickers are published."""
        ...


SourcesByBuffer = dict[TickerBuffer, frozenset[Source]]


class SubscriptionRegistry:
    """The registered buffers.

    `subscriber_count` counts subscribers: several may share one buffer. `deliveries` counts payloads delivered to them.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        # Dictionaries keep their order: buffers are served in the order of registration.
        self._by_symbol: dict[Symbol, SourcesByBuffer] = {}
        self._all_symbols: SourcesByBuffer = {}
        self._log = ChangeLog()
        self.publications = Publications()
        self.subscriber_count = 0
        self.deliveries = 0

    def __len__(self) -> int:
        return self.subscriber_count

    def add(self, instruments: InstrumentFilter, buffer: TickerBuffer) -> None:
        """Publish matching tickers to `buffer` from now on."""
        for sources_by_buffer in self._entries(instruments):
            sources_by_buffer[buffer] = instruments.sources

    @property
    def suspended(self) -> int:
        """Buffers that have left the registry for a while."""
        return self._log.suspended

    def suspend(self, instruments: InstrumentFilter, buffer: TickerBuffer) -> Suspension:
        """Publish nothing to `buffer` until it calls `resume`, or `end` with the suspension."""
        self.remove(instruments, buffer)
        return self._log.suspend(instruments)

    def begin_suspended(self, instruments: InstrumentFilter, known: Suspension | None = None) -> Suspension:
        """Suspend a buffer that was not added; `known` is a suspension of this moment."""
        return self._log.suspend(instruments, known)

    def resume(self, instruments: InstrumentFilter, buffer: TickerBuffer, suspension: Suspension) -> Missed:
        """Publish to `buffer` again. Return what it has missed."""
        self.add(instruments, buffer)
        return self._log.resume(instruments, suspension)

    def end_suspended(self) -> None:
        """Forget a suspended buffer."""
        self._log.end()

    def remove(self, instruments: InstrumentFilter, buffer: TickerBuffer) -> None:
        """Publish nothing more to `buffer`."""
        for sources_by_buffer in self._entries(instruments):
            del sources_by_buffer[buffer]
        for symbol in instruments.symbols or ():
            if not self._by_symbol[symbol]:
                del self._by_symbol[symbol]

    def publish(self, ticker: Ticker, key: TickerKey) -> None:
        """Put the ticker of a tracked instrument into every matching buffer. Never blocks."""
        if key in self._catalog.tracked:
            publications = self.publications
            publications.version += 1
            source, symbol = key
            if self._all_symbols:
                publications.puts += len(self._all_symbols)
                if publications.puts > MAX_PUTS:
                    self._suspend_all(source)
            if self._log.suspended:
                self._log.put(ticker, key)
            # One call per buffer on the way of every update: the loop of `_matching` without its list.
            for sources_by_buffer in (self._by_symbol.get(symbol), self._all_symbols):
                if sources_by_buffer:
                    for buffer, sources in sources_by_buffer.items():
                        if source in sources:
                            buffer.put(ticker, key)

    def retract(self, key: TickerKey) -> None:
        """Tell every matching buffer that an instrument has become unavailable. Never blocks."""
        self.publications.version += 1
        if self._log.suspended:
            self._log.retract(key)
        for buffer in self._matching(key):
            buffer.retract(key)

    def _suspend_all(self, source: Source) -> None:
        """Suspend the buffers of all symbols: reading the log once costs less than many `put`."""
        self.publications.puts = 0
        for buffer, sources in list(self._all_symbols.items()):
            if source in sources:
                buffer.suspend_for_now()

    def _matching(self, key: TickerKey) -> list[TickerBuffer]:
        source, symbol = key
        return [
            buffer
            for sources_by_buffer in (self._by_symbol.get(symbol), self._all_symbols)
            if sources_by_buffer
            for buffer, sources in sources_by_buffer.items()
            if source in sources
        ]

    def _entries(self, instruments: InstrumentFilter) -> Iterable[SourcesByBuffer]:
        if instruments.symbols is None:
            return (self._all_symbols,)
        return [self._by_symbol.setdefault(symbol, {}) for symbol in instruments.symbols]
