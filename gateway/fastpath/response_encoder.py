"""The encoded rates of a gateway, and the lists joined from them, in bounded memory."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from graphql import GraphQLSchema

from gateway.cache_limits import MAX_ENCODED_BYTES, MAX_ENCODED_LISTS, MAX_SELECTIONS, SEEN_KEYS
from gateway.fastpath.cache import EncodedRateCache
from gateway.fastpath.encoded_list import EncodedRateList, weigh_query
from gateway.fastpath.encoded_rate import EncodedRate
from gateway.fastpath.encoders import (
    Encoder,
    field_encoder,
    join_list,
    object_type,
)
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.selection import Selection, encode_key
from gateway.lru import BoundedLru, SecondSight
from gateway.queries.rate import Rate, TtlBySource
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.state.mirror import TickerSlot
from rates.clock import format_us

Items = Callable[[Selection], bytes]
ListKey = tuple[Selection, RatesQuery]


class ResponseEncoder:
    """Encodes rates and objects with lists of rates, by selection.

    Encoded rates take up to `max_bytes` of memory, joined lists as much again.
    """

    def __init__(
        self, schema: GraphQLSchema, rates: RateReader, *, max_bytes: int = MAX_ENCODED_BYTES
    ) -> None:
        self._schema = schema
        self._rates = rates
        self.catalog = rates.catalog
        """The instruments that rates may show."""
        self._rate_caches: BoundedLru[Selection, EncodedRateCache] = BoundedLru(
            size=MAX_SELECTIONS, weight=max_bytes, weigh=lambda _, rate_cache: rate_cache.weight
        )
        self._encoded_lists: BoundedLru[ListKey, EncodedRateList] = BoundedLru(
            size=MAX_ENCODED_LISTS,
            weight=max_bytes,
            weigh=lambda key, encoded_list: weigh_query(key[1]) + encoded_list.weight,
        )
        self._seen_lists = SecondSight(SEEN_KEYS)
        self._object_encoders: BoundedLru[Selection, ObjectEncoder] = BoundedLru(size=MAX_SELECTIONS)

    @property
    def schema(self) -> GraphQLSchema:
        """The schema of the encoded types."""
        return self._schema

    @property
    def ttl(self) -> TtlBySource:
        """The TTL of each source."""
        return self._rates.ttl

    @property
    def weight(self) -> int:
        """The approximate memory of all encoded rates and lists, in bytes."""
        return self._rate_caches.total + self._encoded_lists.total

    def rate_cache(self, selection: Selection) -> EncodedRateCache:
        """Return the encoded rates of a selection."""
        rate_cache = self._rate_caches.get(selection)
        if rate_cache is None:
            rate_cache = EncodedRateCache(self._schema, selection, self._rates)
            self._rate_caches.put(selection, rate_cache)
        if rate_cache.revision != self.catalog.revision:
            rate_cache.match_revision(self.catalog.revision)
        return rate_cache

    def object_encoder(self, selection: Selection) -> "ObjectEncoder":
        """Return the encoder of objects with lists of rates."""
        object_encoder = self._object_encoders.get(selection)
        if object_encoder is None:
            object_encoder = ObjectEncoder(self._schema, selection, self._rates.ttl)
            self._object_encoders.put(selection, object_encoder)
        return object_encoder

    def encoded_rate(self, selection: Selection, rate: Rate) -> EncodedRate:
        """Return one encoded rate."""
        (found,) = self.encoded_rates(selection, [rate])
        return found

    def encode_rate(self, selection: Selection, rate: Rate) -> bytes:
        """Encode one rate."""
        return self.encoded_rate(selection, rate).encode_at(rate.now)

    def encode_rates(self, selection: Selection, rates: Sequence[Rate]) -> bytes:
        """Encode a list of rates of one point in time."""
        now_us = format_us(rates[0].now) if rates else 0
        return join_list([each.encode(now_us) for each in self.encoded_rates(selection, rates)])

    def encoded_rates(self, selection: Selection, rates: Iterable[Rate]) -> list[EncodedRate]:
        """Return encoded rates."""
        rate_cache = self.rate_cache(selection)
        weight = rate_cache.rates_weight
        found = list(map(rate_cache.read, rates))
        if rate_cache.rates_weight != weight:
            self._rate_caches.put(selection, rate_cache)
        return found

    def encode_slots(self, selection: Selection, slots: Sequence[TickerSlot], now: datetime) -> bytes | None:
        """Return the list of the rates in these slots, or `None` if one is missing."""
        rate_cache = self.rate_cache(selection)
        table = rate_cache.table
        weight = rate_cache.rates_weight + table.weight
        encoded = table.encode(slots, now)
        if rate_cache.rates_weight + table.weight != weight:
            self._rate_caches.put(selection, rate_cache)
        return encoded

    def refresh_list(self, selection: Selection, query: RatesQuery, now: datetime) -> EncodedRateList:
        """Return the list of the rates of a query, updated to `now`.

        It is cached from the second time on.
        """
        key, revision = (selection, query), self.catalog.revision
        kept = encoded_list = self._encoded_lists.get(key)
        if encoded_list is None or encoded_list.revision != revision:
            slots, is_all = self._rates.list_slots(query)
            encoded_list = EncodedRateList(
                slots, revision, self.rate_cache(selection), self._rates.to_rate, covers_query=is_all
            )
        weight = encoded_list.weight
        encoded_list.refresh(self._rates.version, now)
        if encoded_list.weight != weight:
            self._rate_caches.put(selection, encoded_list.rate_cache)
            if kept is not None or self._seen_lists.admits(key):
                self._encoded_lists.put(key, encoded_list)
        return encoded_list


class ObjectEncoder:
    """Encodes objects with scalar fields, `items` and `unavailable`: lists of rates and events.

    Raises:
        NotOnFastPath: the selection has another kind of field.
    """

    def __init__(self, schema: GraphQLSchema, selection: Selection, ttl: TtlBySource) -> None:
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
                attribute, member = field.name, _list_encoder(nested_encoder(schema, field.inside, ttl))
                self.attributes.append(attribute)
            before = (b"," if self._members else b"{") + encode_key(field.key)
            self._members.append((before, attribute, member))

    @property
    def start(self) -> bytes:
        """The bytes before the value of the first member."""
        before, _, _ = self._members[0]
        return before

    def encode(self, value: Any, items: Items) -> bytes:
        """Encode an object; `items` encodes its rates in a selection."""
        return b"".join(self.chunks(value, items))

    def chunks(self, value: Any, items: Items) -> list[bytes]:
        """Encode an object in chunks, without copying long lists."""
        chunks: list[bytes] = []
        for before, attribute, member in self._members:
            chunks.append(before)
            chunks.append(
                items(member) if isinstance(member, Selection) else member(getattr(value, attribute))
            )
        chunks.append(b"}" if chunks else b"{}")
        return chunks


def _list_encoder(encode: Encoder) -> Encoder:
    def encode_list(values: Iterable[Any]) -> bytes:
        return join_list(map(encode, values))

    return encode_list
