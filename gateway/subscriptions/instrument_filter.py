"""The instruments of a subscription."""

from typing import NamedTuple

from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey


class InstrumentFilter(NamedTuple):
    """The instruments of a subscription: these symbols (`None`: all) of these sources."""

    symbols: frozenset[Symbol] | None
    sources: frozenset[Source]

    def matches(self, key: TickerKey) -> bool:
        """Whether the filter includes an instrument."""
        return key.source in self.sources and (self.symbols is None or key.symbol in self.symbols)
