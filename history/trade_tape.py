"""The tape: the last trades of each instrument, one by one.

The port, and its implementation in process. It is for display. What is missing in it is not told; bars and their coverage do that.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from history.trade import Trade
from rates.source import Source
from rates.symbol import Symbol

# Trades of an instrument that are kept.
TAPE_LENGTH = 200

NewTrades = Mapping[Symbol, Sequence[Trade]]


class TradeTape(Protocol):
    """The last trades of all instruments."""

    async def append(self, source: Source, session: str, trades: NewTrades) -> None:
        """Append trades in order, if the session has the lease of the log of bars.

        Raises:
            CacheUnavailable: they may or may not be stored.
        """
        ...

    async def read(self, source: Source, symbol: Symbol, limit: int) -> list[Trade]:
        """Return the last trades of an instrument, the newest last.

        Raises:
            CacheUnavailable: the tape cannot be reached.
        """
        ...


class MemoryTradeTape:
    """A `TradeTape` within one process, in which one feed of a source writes."""

    def __init__(self, *, length: int = TAPE_LENGTH) -> None:
        self._length = length
        self._trades: dict[tuple[Source, Symbol], deque[Trade]] = {}

    async def append(self, source: Source, _session: str, trades: NewTrades) -> None:
        for symbol, new in trades.items():
            self._trades.setdefault((source, symbol), deque(maxlen=self._length)).extend(new)

    async def read(self, source: Source, symbol: Symbol, limit: int) -> list[Trade]:
        return list(self._trades.get((source, symbol), ()))[-limit:]
