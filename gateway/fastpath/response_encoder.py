"""The encoded rates of a gateway, bounded in memory, and the lists that are joined from them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphql import GraphQLSchema

from gateway.cache_limits import MAX_ENCODED_BYTES, MAX_ENCODED_LISTS, MAX_SELECTIONS
from gateway.fastpath.cache import EncodedRateCache
from gateway.fastpath.encoded_list import EncodedRateList
from gateway.fastpath.encoded_rate import EncodedRate
from gateway.fastpath.encoders import (
    Encoder,
    encode_key,
    field_encoder,
    flat_object_encoder,
    join_list,
    object_type,
)
from gateway.fastpath.selection import Selection
from gateway.lru import BoundedLru
from gateway.queries.rate import Rate, UnavailableRate
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from rates.clock import format_us

Items = Callable[[Selection], bytes]
ListKey = tuple[Selection, RatesQuery]


class ResponseEncoder:
    """Writes rates, and objects with lists of them, by selection. Rates take up to `max_bytes`, joined lists as much again."""

    def __init__(
        self, schema: GraphQLSchema, rates: RateReader, *, max_bytes: int = MAX_ENCODED_BYTES
    ) -> None:
        self._schema = schema
        self._rates = rates
        self._rate_caches: BoundedLru[Selection, EncodedRateCache] = BoundedLru(
            size=MAX_SELECTIONS, weight=max_bytes, weigh=lambda _, rate_cache: rate_cache.weight
        )
        self._encoded_lists: BoundedLru[ListKey, EncodedRateList] = BoundedLru(
            size=MAX_ENCODED_LISTS, weight=max_bytes, weigh=lambda _, encoded_list: encoded_list.weight
        )
        self._object_encoders: BoundedLru[Selection, ObjectEncoder] = BoundedLru(size=MAX_SELECTIONS)

    @property
    def schema(self) -> GraphQLSchema:
        """Whose types it writes."""
        return self._schema

    @property
    def weight(self) -> int:
        """Bytes that all of it takes, about."""
        return self._rate_caches.total + self._encoded_lists.total

    def rate_cache(self, selection: Selection) -> EncodedRateCache:
        """The fragments of that selection."""
        return self._rate_caches.get(selection) or EncodedRateCache(self._schema, selection)

    def object_encoder(self, selection: Selection) -> "ObjectEncoder":
        """How an object with lists of rates is written."""
        object_encoder = self._object_encoders.get(selection)
        if object_encoder is None:
            object_encoder = ObjectEncoder(self._schema, selection)
            self._object_encoders.put(selection, object_encoder)
        return object_encoder

    def encoded_rate(self, selection: Selection, rate: Rate) -> EncodedRate:
        """The fragment of one rate."""
        (found,) = self.encoded_rates(selection, [rate])
        return found

    def encode_rate(self, selection: Selection, rate: Rate) -> bytes:
        """One rate."""
        return self.encoded_rate(selection, rate).encode_at(rate.now)

    def encode_rates(self, selection: Selection, rates: Sequence[Rate]) -> bytes:
        """A list of rates, as they stand at the same moment."""
        now_us = format_us(rates[0].now) if rates else 0
        return join_list([each.encode(now_us) for each in self.encoded_rates(selection, rates)])

    def encoded_rates(self, selection: Selection, rates: Iterable[Rate]) -> list[EncodedRate]:
        """The fragments of rates."""
        rate_cache = self.rate_cache(selection)
        found = list(map(rate_cache.read, rates))
        self._rate_caches.put(selection, rate_cache)
        return found

    def refresh_list(self, selection: Selection, query: RatesQuery) -> EncodedRateList:
        """The kept list of the rates that answer the question, as it stands now."""
        key, version = (selection, query), self._rates.catalog_version
        encoded_list = self._encoded_lists.get(key)
        if encoded_list is None or encoded_list.version != version:
            slots, is_all = self._rates.list_slots(query)
            encoded_list = EncodedRateList(
                slots, version, self.rate_cache(selection), self._rates.to_rate, covers_query=is_all
            )
        weight = encoded_list.weight
        encoded_list.refresh(self._rates.version, self._rates.now())
        if encoded_list.weight != weight:
            self._encoded_lists.put(key, encoded_list)
            self._rate_caches.put(selection, encoded_list.rate_cache)
        return encoded_list


class ObjectEncoder:
    """Encodes an object of scalar fields, `items` and `unavailable`: a list of rates, or an event.

    Raises:
        NotOnFastPath: the selection has another kind of field.
    """

    def __init__(self, schema: GraphQLSchema, selection: Selection) -> None:
        kind = object_type(schema, selection.type_name)
        self._members: list[tuple[bytes, str, Selection | Encoder]] = []
        self.item_selections: list[Selection] = []
        self.attributes: list[str] = []
        """What of a value is written beside its items."""
        for field in selection.fields:
            member: Selection | Encoder
            if field.inside is None:
                attribute, member = field_encoder(schema, kind, field)
                self.attributes.append(attribute)
            elif field.name == "items":
                attribute, member = "items", field.inside
                self.item_selections.append(member)
            else:
                attribute, member = field.name, _list_encoder(flat_object_encoder(schema, field.inside))
                self.attributes.append(attribute)
            before = (b"," if self._members else b"{") + encode_key(field.key)
            self._members.append((before, attribute, member))

    def encode(self, value: Any, items: Items) -> bytes:
        """The object; `items` writes its rates in a selection."""
        return b"".join(self.chunks(value, items))

    def chunks(self, value: Any, items: Items) -> list[bytes]:
        """The object in pieces: lists are long, and every copy of them is felt."""
        chunks: list[bytes] = []
        for before, attribute, member in self._members:
            chunks.append(before)
            chunks.append(
                items(member) if isinstance(member, Selection) else member(getattr(value, attribute))
            )
        chunks.append(b"}" if chunks else b"{}")
        return chunks


def _list_encoder(encode: Encoder) -> Encoder:
    def encode_list(values: tuple[UnavailableRate, ...]) -> bytes:
        return join_list(map(encode, values))

    return encode_list
