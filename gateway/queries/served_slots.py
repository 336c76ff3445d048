"""The slots of the instruments of queries, found by the texts of symbols."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol as Role

from gateway.lru import BoundedLru
from gateway.queries.rates_query import RatesQuery
from gateway.state.mirror import TickerSlot
from rates.errors import InvalidSymbol
from rates.source import Source
from rates.symbol import parse_symbol

ListSlots = Callable[[RatesQuery], tuple[list[TickerSlot], bool]]

# Sets of sources with an index: each has one entry for each symbol that was queried.
MAX_INDEXES = 16


class RevisedCatalog(Role):
    """The instruments that are served."""

    revision: int
    """Changes with them."""


class _SlotIndex(dict[str, list[TickerSlot]]):
    """The slots of each symbol at some sources, by its text.

    `single` has those of the symbols with one slot.

    Raises:
        KeyError: a symbol that is not served, or no symbol.
    """

    def __init__(self, sources: tuple[Source, ...] | None, list_slots: ListSlots) -> None:
        super().__init__()
        self._sources, self._list_slots = sources, list_slots
        self.single: dict[str, TickerSlot] = {}

    def __missing__(self, text: str) -> list[TickerSlot]:
        try:
            symbol = parse_symbol(text)
        except InvalidSymbol as exc:
            raise KeyError(text) from exc
        slots, is_all = self._list_slots(RatesQuery((symbol,), self._sources))
        if not is_all:
            raise KeyError(text)
        self[text] = slots
        if len(slots) == 1:
            (self.single[text],) = slots
        return slots


class ServedSlots:
    """Finds the slots of queries that can be answered without an explanation of what is missing."""

    def __init__(self, catalog: RevisedCatalog, list_slots: ListSlots) -> None:
        self._catalog, self._list_slots = catalog, list_slots
        self._revision = -1
        self._indexes: BoundedLru[tuple[Source, ...] | None, _SlotIndex] = BoundedLru(size=MAX_INDEXES)
        # A request is priced and answered by the same symbols, one after the other.
        self._last: tuple[Sequence[str], tuple[Source, ...] | None] | None = None
        self._last_found: list[TickerSlot] | None = None
        self._is_last_distinct = True

    def find(self, symbols: Sequence[str], sources: tuple[Source, ...] | None) -> list[TickerSlot] | None:
        """Return the slots of all rates of these symbols, or `None` if some are not served.

        The symbols must not change afterwards.
        """
        revision = self._catalog.revision
        if revision != self._revision:
            self._indexes = BoundedLru(size=MAX_INDEXES)
            self._revision = revision
        elif self._last is not None and symbols is self._last[0] and sources == self._last[1]:
            return self._last_found
        self._last_found = self._find(symbols, sources)
        self._last = symbols, sources
        return self._last_found

    def count(self, symbols: Sequence[str]) -> tuple[int, int] | None:
        """Return the number of rates of these symbols at all sources, and of different symbols.

        `None` if some are not served. The symbols must not change afterwards.
        """
        slots = self.find(symbols, None)
        if slots is None:
            return None
        return len(slots), len(symbols) if self._is_last_distinct else len(set(symbols))

    def _find(self, symbols: Sequence[str], sources: tuple[Source, ...] | None) -> list[TickerSlot] | None:
        index = self._indexes.get(sources)
        if index is None:
            index = _SlotIndex(sources, self._list_slots)
            self._indexes.put(sources, index)
        try:
            slots = list(map(index.single.__getitem__, symbols))
        except KeyError:
            try:
                slots = list(chain.from_iterable(map(index.__getitem__, symbols)))
            except KeyError:
                return None
        # A symbol may have been named twice.
        self._is_last_distinct = len(set(slots)) == len(slots)
        return slots if self._is_last_distinct else list(dict.fromkeys(slots))
