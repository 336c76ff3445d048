"""The slots of the instruments of queries, found by symbol."""

from collections.abc import Callable
from itertools import chain

from gateway.lru import BoundedLru
from gateway.queries.rates_query import RatesQuery
from gateway.state.mirror import TickerSlot
from rates.source import Source
from rates.symbol import Symbol

ListSlots = Callable[[RatesQuery], tuple[list[TickerSlot], bool]]

# Sets of sources with an index: each has one entry for each symbol that was queried.
MAX_INDEXES = 16


class _SlotsBySymbol(dict[Symbol, list[TickerSlot]]):
    """The slots of each symbol at some sources."""

    def __init__(self, sources: tuple[Source, ...] | None, list_slots: ListSlots) -> None:
        super().__init__()
        self._sources, self._list_slots = sources, list_slots

    def __missing__(self, symbol: Symbol) -> list[TickerSlot]:
        slots, is_all = self._list_slots(RatesQuery((symbol,), self._sources))
        if not is_all:
            raise KeyError(symbol)
        self[symbol] = slots
        return slots


class ServedSlots:
    """Finds the slots of queries that can be answered without an explanation of what is missing."""

    def __init__(self, list_slots: ListSlots) -> None:
        self._list_slots = list_slots
        self._revision = -1
        self._indexes: BoundedLru[tuple[Source, ...] | None, _SlotsBySymbol] = BoundedLru(size=MAX_INDEXES)

    def find(self, query: RatesQuery, revision: int) -> list[TickerSlot] | None:
        """Return the slots of all rates of a query, or `None` if it names no symbols, or others.

        `revision` is that of the catalog.
        """
        if not query.symbols:
            return None
        if revision != self._revision:
            self._indexes = BoundedLru(size=MAX_INDEXES)
            self._revision = revision
        index = self._indexes.get(query.sources)
        if index is None:
            index = _SlotsBySymbol(query.sources, self._list_slots)
            self._indexes.put(query.sources, index)
        try:
            slots = list(chain.from_iterable(map(index.__getitem__, query.symbols)))
        except KeyError:
            return None
        # A symbol may have been named twice.
        return slots if len(set(slots)) == len(slots) else list(dict.fromkeys(slots))
