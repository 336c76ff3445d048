"""The list of instruments in pages, filtered and in a chosen order. Pure.

A cursor names a place in an order, not an instrument: it stays valid when instruments are added or removed.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from gateway.lru import BoundedLru
from gateway.state.instrument_search import SearchQuery, SearchText, fold
from gateway.state.position import decode_opaque, encode_opaque
from instruments.instrument import Instrument
from instruments.listed import TradingStatus
from instruments.seed import rank_assets
from rates.errors import InvalidArgument, InvalidCursor
from rates.source import Source

MAX_PAGE = 200
DEFAULT_PAGE = 50
# Each takes a byte per instrument; reading a search page by page ranks once.
REMEMBERED_SEARCHES = 64
NO_MATCH = 255
# Characters of a folded name that count in the order by name; they bound the length of a cursor.
NAME_LENGTH = 40

_Key = tuple[str, str, str]
SortKey = tuple[int, int, str, str, str, str]
"""Rank, importance, text, base, quote and source; unused ones are 0 or empty."""


class OrderField(Enum):
    """Orders of the list. Ties are ordered by symbol and source."""

    RELEVANCE = "RELEVANCE"
    """Best match of the search first, then the largest markets."""
    SYMBOL = "SYMBOL"
    NAME = "NAME"
    SOURCE = "SOURCE"


class OrderDirection(Enum):
    """Directions of an order."""

    ASC = "ASC"
    DESC = "DESC"


class ListOrder(NamedTuple):
    """The order of a list. `RELEVANCE` in ascending order has the best match first."""

    field: OrderField = OrderField.SYMBOL
    direction: OrderDirection = OrderDirection.ASC

    def __str__(self) -> str:
        return f"{self.field.value} {self.direction.value}"


class ListFilter(NamedTuple):
    """The instruments to list; `None` for any."""

    source: Source | None = None
    base: str | None = None
    quote: str | None = None
    status: TradingStatus | None = None
    search: str | None = None
    base_asset: str | None = None
    """The identity of the base asset."""


class PageRequest(NamedTuple):
    """The page to read: `first` instruments after `after`, or `last` ones before `before`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class InstrumentPage(msgspec.Struct, frozen=True):
    """A page of the list of instruments; `total` counts all matches."""

    instruments: tuple[Instrument, ...]
    cursors: tuple[str, ...]
    has_next: bool
    has_previous: bool
    total: int


class _PageCursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The place after or before an instrument in a filtered, ordered list."""

    order: str
    filtered: str
    key: SortKey


class _Entry(msgspec.Struct, frozen=True):
    instrument: Instrument
    text: SearchText
    name: str
    importance: int

    @classmethod
    def of(cls, instrument: Instrument, before: "_Entry | None") -> "_Entry":
        """Create the entry; `before` is an older one of the same symbol at the same source."""
        if before is not None and _described(before.instrument) == _described(instrument):
            return cls(instrument, before.text, before.name, before.importance)
        places = rank_assets()
        importance = places.get(instrument.base_asset or "", len(places))
        return cls(instrument, SearchText.of(instrument), fold(instrument.name)[:NAME_LENGTH], importance)

    def key(self, field: OrderField, rank: int) -> SortKey:
        source, (base, quote) = self.instrument.source.value, self.instrument.symbol
        match field:
            case OrderField.RELEVANCE:
                return rank, self.importance, "", base, quote, source
            case OrderField.SYMBOL:
                return 0, 0, "", base, quote, source
            case OrderField.NAME:
                return 0, 0, self.name, base, quote, source
            case OrderField.SOURCE:
                return 0, 0, source, base, quote, source


def _described(instrument: Instrument) -> tuple[str, str, str | None]:
    """Return what a search looks at, besides symbol and source."""
    return instrument.source_symbol, instrument.name, instrument.base_asset


class InstrumentPages:
    """Pages over one set of instruments.

    `before` is an older set, whose folded texts are used again.
    """

    def __init__(
        self, instruments: Iterable[Instrument] = (), before: "InstrumentPages | None" = None
    ) -> None:
        known = {} if before is None else before.by_key
        found = {(*each.symbol, each.source.value): each for each in instruments}
        self.by_key: Mapping[_Key, _Entry] = {
            key: _Entry.of(found[key], known.get(key)) for key in sorted(found)
        }
        self._entries = tuple(self.by_key.values())
        self._orders: dict[OrderField, Sequence[int]] = {OrderField.SYMBOL: range(len(self._entries))}
        self._ranks: BoundedLru[str, bytes] = BoundedLru(size=REMEMBERED_SEARCHES)

    def read(self, wanted: ListFilter, page: PageRequest, order: ListOrder | None = None) -> InstrumentPage:
        """Return a page of the instruments that match.

        Without an order, the best match of a search comes first; without a search they are in the order of symbols.

        Raises:
            InvalidArgument: a length out of range, `first` together with `last`, too long a search, or a cursor of a
                list with another filter or order.
            InvalidCursor: not a cursor of such a page.
        """
        from_start, length = _read_length(page)
        query = SearchQuery(wanted.search) if wanted.search and wanted.search.strip() else None
        order = order or (ListOrder() if query is None else ListOrder(OrderField.RELEVANCE))
        filtered = _hash_filter(wanted, query)
        after, before = (
            _parse_cursor(name, text, str(order), filtered) if text else None
            for name, text in (("after", page.after), ("before", page.before))
        )
        found = self._find(wanted, query, order.field)
        descending = order.direction is OrderDirection.DESC
        start, end = found.bounds(after, before, descending=descending)
        start, end = (start, min(end, start + length)) if from_start else (max(start, end - length), end)
        size = len(found.indices)
        places = range(size - 1 - start, size - 1 - end, -1) if descending else range(start, end)
        return InstrumentPage(
            tuple(self._entries[found.indices[place]].instrument for place in places),
            tuple(_format_cursor(str(order), filtered, found.key(place)) for place in places),
            has_next=end < size,
            has_previous=start > 0,
            total=size,
        )

    def _find(self, wanted: ListFilter, query: SearchQuery | None, field: OrderField) -> "_Found":
        ranks = None if query is None else self._rank_all(query)
        indices = self._filter(self._sort(field), wanted)
        if ranks is not None:
            indices = [index for index in indices if ranks[index] != NO_MATCH]
            if field is OrderField.RELEVANCE:
                # Those of one rank stay in their order.
                indices.sort(key=ranks.__getitem__)
        return _Found(self._entries, indices, ranks, field)

    def _filter(self, indices: Sequence[int], wanted: ListFilter) -> Sequence[int]:
        entries = self._entries
        source, base, quote, status, _, base_asset = wanted
        if source is not None:
            indices = [each for each in indices if entries[each].instrument.source is source]
        if base is not None:
            indices = [each for each in indices if entries[each].instrument.symbol.base == base]
        if base_asset is not None:
            indices = [each for each in indices if entries[each].instrument.base_asset == base_asset]
        if quote is not None:
            indices = [each for each in indices if entries[each].instrument.symbol.quote == quote]
        if status is not None:
            trades = status is TradingStatus.TRADING
            indices = [each for each in indices if (entries[each].instrument.halt is None) is trades]
        return indices

    def _rank_all(self, query: SearchQuery) -> bytes:
        ranks = self._ranks.get(query.folded)
        if ranks is None:
            found = (query.rank(each.text) for each in self._entries)
            ranks = bytes(NO_MATCH if rank is None else rank for rank in found)
            self._ranks.put(query.folded, ranks)
        return ranks

    def _sort(self, field: OrderField) -> Sequence[int]:
        order = self._orders.get(field)
        if order is None:
            # They are in the order of symbols, and equal ones stay in it.
            keys = [each.key(field, 0)[:3] for each in self._entries]
            order = self._orders[field] = sorted(range(len(keys)), key=keys.__getitem__)
        return order


class _Found(NamedTuple):
    """The indices of the instruments that match, in ascending order of `field`."""

    entries: Sequence[_Entry]
    indices: Sequence[int]
    ranks: bytes | None
    field: OrderField

    def key(self, place: int) -> SortKey:
        index = self.indices[place]
        return self.entries[index].key(self.field, 0 if self.ranks is None else self.ranks[index])

    def bounds(self, after: SortKey | None, before: SortKey | None, *, descending: bool) -> tuple[int, int]:
        """Return the range of places between two keys, counted in the order that was asked for."""
        size = len(self.indices)
        low, high = (before, after) if descending else (after, before)
        start = 0 if low is None else bisect_right(range(size), low, key=self.key)
        end = size if high is None else bisect_left(range(size), high, key=self.key)
        if descending:
            start, end = size - end, size - start
        return start, max(start, end)


def _read_length(page: PageRequest) -> tuple[bool, int]:
    """Return whether the page is counted from the start, and its length."""
    if page.first is not None and page.last is not None:
        raise InvalidArgument("last", page.last, f"not together with first, which is {page.first}")
    for name, value in (("first", page.first), ("last", page.last)):
        if value is not None and not 0 <= value <= MAX_PAGE:
            raise InvalidArgument(name, value, f"0 to {MAX_PAGE}")
    if page.first is not None:
        return True, page.first
    if page.last is not None:
        return False, page.last
    # The page next to the only cursor.
    return bool(page.after) or not page.before, DEFAULT_PAGE


def _hash_filter(wanted: ListFilter, query: SearchQuery | None) -> str:
    text = msgspec.json.encode(wanted._replace(search=None if query is None else query.folded))
    return hashlib.blake2s(text, digest_size=6).hexdigest()


def _format_cursor(order: str, filtered: str, key: SortKey) -> str:
    return encode_opaque(msgspec.json.encode(_PageCursor(order, filtered, key)).decode())


def _parse_cursor(name: str, text: str, order: str, filtered: str) -> SortKey:
    try:
        cursor = msgspec.json.decode(decode_opaque(text), type=_PageCursor)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise InvalidCursor(text) from exc
    if cursor.order != order:
        raise InvalidArgument(
            name, text, f"a cursor of the order {order}; this one is of {cursor.order[:60]}"
        )
    if cursor.filtered != filtered:
        raise InvalidArgument(name, text, "a cursor of the same filter; this one is of another")
    return cursor.key
