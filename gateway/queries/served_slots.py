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

    def find(self, symbols: Sequence[str], sources: tuple[Source, ...] | None) -> list[TickerSlot] | None:
        """Return the slots of all rates of these symbols, or `None` if some are not served."""
        revision = self._catalog.revision
        if revision != self._revision:
            self._indexes = BoundedLru(size=MAX_INDEXES)
            self._revision = revision
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
        return slots if len(set(slots)) == len(slots) else list(dict.fromkeys(slots))
