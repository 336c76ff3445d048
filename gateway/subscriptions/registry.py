"""The index of live subscriptions by instrument: publishes tickers to matching buffers.

Registering and reading the mirror are synchronous: in one step, no ticker is lost between a snapshot and the updates.
"""

from collections.abc import Container, Iterable
from typing import NamedTuple
from typing import Protocol as Role

from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker, TickerKey


class InstrumentFilter(NamedTuple):
    """The instruments of a subscription: these symbols (`None`: all) of these sources."""

    symbols: frozenset[Symbol] | None
    sources: frozenset[Source]

    def matches(self, key: TickerKey) -> bool:
        """Whether the filter includes an instrument."""
        return key.source in self.sources and (self.symbols is None or key.symbol in self.symbols)


class TickerBuffer(Role):
    """A receiver of published tickers. It must not block."""

    def put(self, ticker: Ticker, key: TickerKey) -> object:
        """Accept the newest ticker of an instrument."""
        ...

    def retract(self, key: TickerKey) -> object:
        """Accept that an instrument has become unavailable."""
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
        self.subscriber_count = 0
        self.deliveries = 0

    def __len__(self) -> int:
        return self.subscriber_count

    def add(self, instruments: InstrumentFilter, buffer: TickerBuffer) -> None:
        """Publish matching tickers to `buffer` from now on."""
        for sources_by_buffer in self._entries(instruments):
            sources_by_buffer[buffer] = instruments.sources

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
            source, symbol = key
            # One call per buffer on the way of every update: the loop of `_matching` without its list.
            for sources_by_buffer in (self._by_symbol.get(symbol), self._all_symbols):
                if sources_by_buffer:
                    for buffer, sources in sources_by_buffer.items():
                        if source in sources:
                            buffer.put(ticker, key)

    def retract(self, key: TickerKey) -> None:
        """Tell every matching buffer that an instrument has become unavailable. Never blocks."""
        for buffer in self._matching(key):
            buffer.retract(key)

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
