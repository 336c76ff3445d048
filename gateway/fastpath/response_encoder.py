"""All fragments of a gateway, bounded in memory, and the lists that are joined from them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphql import GraphQLSchema

from gateway.fastpath.cache import EncodedRateCache
from gateway.fastpath.encoded_list import EncodedRateList
from gateway.fastpath.encoded_rate import EncodedRate
from gateway.fastpath.encoders import (
    Writer,
    encode_key,
    field_writer,
    join_list,
    object_type,
    object_writer,
)
from gateway.fastpath.selection import Selection
from gateway.lru import BoundedLru
from gateway.queries.rate import Rate, UnavailableRate
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.units import MIB
from rates.clock import format_us

# Far more selections than applications have. Whoever asks in ever new ones pays what the plain path would have cost.
MAX_SELECTIONS = 256
MAX_BYTES = 64 * MIB
MAX_LISTINGS = 4_096

Items = Callable[[Selection], bytes]
ListingKey = tuple[Selection, RatesQuery]


class ResponseEncoder:
    """Writes rates, and objects with lists of them, by selection. Rates take up to `max_bytes`, joined lists as much again."""

    def __init__(self, schema: GraphQLSchema, rates: RateReader, *, max_bytes: int = MAX_BYTES) -> None:
        self._schema = schema
        self._rates = rates
        self._shelves: BoundedLru[Selection, EncodedRateCache] = BoundedLru(
            size=MAX_SELECTIONS, weight=max_bytes, weigh=lambda _, shelf: shelf.weight
        )
        self._listings: BoundedLru[ListingKey, EncodedRateList] = BoundedLru(
            size=MAX_LISTINGS, weight=max_bytes, weigh=lambda _, listing: listing.weight
        )
        self._shapes: BoundedLru[Selection, ObjectEncoder] = BoundedLru(size=MAX_SELECTIONS)

    @property
    def schema(self) -> GraphQLSchema:
        """Whose types it writes."""
        return self._schema

    @property
    def weight(self) -> int:
        """Bytes that all of it takes, about."""
        return self._shelves.total + self._listings.total

    def shelf(self, selection: Selection) -> EncodedRateCache:
        """The fragments of that selection."""
        return self._shelves.read(selection) or EncodedRateCache(self._schema, selection)

    def shape(self, selection: Selection) -> "ObjectEncoder":
        """How an object with lists of rates is written."""
        shape = self._shapes.read(selection)
        if shape is None:
            shape = ObjectEncoder(self._schema, selection)
            self._shapes.keep(selection, shape)
        return shape

    def fragment(self, selection: Selection, rate: Rate) -> EncodedRate:
        """The fragment of one rate."""
        (found,) = self.fragments(selection, [rate])
        return found

    def write_rate(self, selection: Selection, rate: Rate) -> bytes:
        """One rate."""
        return self.fragment(selection, rate).write(format_us(rate.now))

    def write_rates(self, selection: Selection, rates: Sequence[Rate]) -> bytes:
        """A list of rates, as they stand at the same moment."""
        now_us = format_us(rates[0].now) if rates else 0
        return join_list([each.write(now_us) for each in self.fragments(selection, rates)])

    def fragments(self, selection: Selection, rates: Iterable[Rate]) -> list[EncodedRate]:
        """The fragments of rates."""
        shelf = self.shelf(selection)
        found = [shelf.read(each) for each in rates]
        self._shelves.keep(selection, shelf)
        return found

    def refresh_listing(self, selection: Selection, question: RatesQuery) -> EncodedRateList:
        """The kept list of the rates that answer the question, as it stands now."""
        key, version = (selection, question), self._rates.tracked_version
        listing = self._listings.read(key)
        if listing is None or listing.version != version:
            slots, is_all = self._rates.list_slots(question)
            listing = EncodedRateList(
                slots, version, self.shelf(selection), self._rates.to_rate, is_all=is_all
            )
        weight = listing.weight
        listing.refresh(self._rates.version, self._rates.now())
        if listing.weight != weight:
            self._listings.keep(key, listing)
            self._shelves.keep(selection, listing.shelf)
        return listing


class ObjectEncoder:
    """An object of leaves, `items` and `unavailable`: a list of rates, or an event.

    Raises:
        NotCovered: it has something else.
    """

    def __init__(self, schema: GraphQLSchema, selection: Selection) -> None:
        kind = object_type(schema, selection.type_name)
        self._members: list[tuple[bytes, str, Selection | Writer]] = []
        self.item_selections: list[Selection] = []
        self.attributes: list[str] = []
        """What of a value is written beside its items."""
        for field in selection.fields:
            member: Selection | Writer
            if field.inside is None:
                attribute, member = field_writer(schema, kind, field)
                self.attributes.append(attribute)
            elif field.name == "items":
                attribute, member = "items", field.inside
                self.item_selections.append(member)
            else:
                attribute, member = field.name, _list_writer(object_writer(schema, field.inside))
                self.attributes.append(attribute)
            before = (b"," if self._members else b"{") + encode_key(field.key)
            self._members.append((before, attribute, member))

    def write(self, value: Any, items: Items) -> bytes:
        """The object; `items` writes its rates in a selection."""
        return b"".join(self.pieces(value, items))

    def pieces(self, value: Any, items: Items) -> list[bytes]:
        """The object in pieces: lists are long, and every copy of them is felt."""
        pieces: list[bytes] = []
        for before, attribute, member in self._members:
            pieces.append(before)
            pieces.append(
                items(member) if isinstance(member, Selection) else member(getattr(value, attribute))
            )
        pieces.append(b"}" if pieces else b"{}")
        return pieces


def _list_writer(write: Writer) -> Writer:
    def write_list(values: tuple[UnavailableRate, ...]) -> bytes:
        return join_list(map(write, values))

    return write_list
