"""The entities that routers of a federation ask for: their keys, and their encoded list."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from gateway.cache_limits import MAX_SELECTIONS
from gateway.fastpath.encoders import Encoder, join_list
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import NotOnFastPath, Selection
from gateway.lru import BoundedLru
from gateway.queries.rate_reader import RateReader
from gateway.schema.asset import to_asset
from gateway.schema.context import OperationMetadata
from gateway.schema.global_id import MAX_ENTITIES, parse_instrument_key, parse_source_key
from gateway.schema.instruments import InstrumentType
from gateway.schema.source import to_source
from gateway.state.mirror import TickerSlot
from rates.ticker import TickerKey

RATE = "Rate"
COVERED = frozenset({RATE, "Instrument", "Asset", "Source"})


class EntityKey(NamedTuple):
    """One representation: the type, the name of its key field, and the value of that field.

    `instrument` is the instrument of a rate or an instrument; `None` if its source does not exist.
    """

    type_name: str
    field: str
    value: str
    instrument: TickerKey | None = None


class EntitiesQuery(NamedTuple):
    """The keys of the entities, in their order."""

    keys: tuple[EntityKey, ...]


def parse_entities(representations: Sequence[Mapping[str, Any]], selection: Selection) -> EntitiesQuery:
    """Parse the argument of `_entities`.

    Raises:
        NotOnFastPath: too many or none, a type that the fast path does not cover, or a representation without a key.
        InvalidArgument: an id that cannot be one of an instrument.
    """
    if not 1 <= len(representations) <= MAX_ENTITIES:
        raise NotOnFastPath
    covered = COVERED.intersection(each.name for each in selection.fields)
    return EntitiesQuery(tuple([_parse(each, covered) for each in representations]))


def _parse(representation: Mapping[str, Any], covered: frozenset[str]) -> EntityKey:
    type_name = representation["__typename"]
    if type_name not in covered:
        raise NotOnFastPath
    field = "code" if type_name == "Asset" and "id" not in representation else "id"
    value = representation.get(field)
    if not isinstance(value, str):
        # A code that is no text names no asset; an id that is none is an error.
        raise NotOnFastPath
    if field == "code":
        return EntityKey(type_name, field, value)
    prefix, _, key = value.partition(":")
    if prefix != type_name or not key:
        raise NotOnFastPath
    instrument = parse_instrument_key(key) if type_name in (RATE, "Instrument") else None
    return EntityKey(type_name, field, key, instrument)


class EntityEncoder:
    """Encodes entities of the types `Rate`, `Instrument`, `Asset` and `Source`."""

    def __init__(self, rates: RateReader, encoder: ResponseEncoder) -> None:
        self._rates = rates
        self._encoder = encoder
        self._encoders: BoundedLru[Selection, Encoder] = BoundedLru(size=MAX_SELECTIONS)
        self._find: Mapping[str, Callable[[EntityKey], object | None]] = {
            "Instrument": self._find_instrument,
            "Asset": self._find_asset,
            "Source": self._find_source,
        }

    def encode(self, selection: Selection, query: EntitiesQuery, metadata: OperationMetadata | None) -> bytes:
        """Encode a list of entities, with `null` where there is none now.

        Raises:
            NotOnFastPath: the selection of one of the types is not covered.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        rates = self._rates
        rates.check_loaded()
        inside = {each.name: each.inside for each in selection.fields}
        now = rates.now()
        slots = [rates.find_slot(each.instrument) if each.type_name == RATE else None for each in query.keys]
        rates_inside = inside.get(RATE)
        found = [each for each in slots if each is not None]
        if metadata is None and rates_inside is not None and len(found) == len(slots):
            # What routers ask for nearly always: a list of rates.
            encoded = self._encoder.encode_slots(rates_inside, found, now)
            if encoded is not None:
                return encoded
        return join_list(
            [
                self._encode_rate(inside, slot, now, metadata)
                if key.type_name == RATE
                else self._encode_other(inside, key)
                for key, slot in zip(query.keys, slots, strict=True)
            ]
        )

    def _encode_rate(
        self,
        inside: Mapping[str, Selection | None],
        slot: TickerSlot | None,
        now: datetime,
        metadata: OperationMetadata | None,
    ) -> bytes:
        if slot is None or slot.ticker is None:
            return b"null"
        rate = self._rates.to_rate(slot.ticker, now)
        if metadata is not None:
            metadata.note_rates([rate])
        selection = inside[RATE]
        assert selection is not None
        return self._encoder.encode_rate(selection, rate)

    def _encode_other(self, inside: Mapping[str, Selection | None], key: EntityKey) -> bytes:
        found = self._find[key.type_name](key)
        if found is None:
            return b"null"
        selection = inside[key.type_name]
        assert selection is not None
        encode = self._encoders.get(selection)
        if encode is None:
            encode = nested_encoder(self._encoder.schema, selection, self._encoder.ttl)
            self._encoders.put(selection, encode)
        return encode(found)

    def _find_instrument(self, key: EntityKey) -> object | None:
        found = None if key.instrument is None else self._rates.find_instrument(key.instrument)
        return None if found is None else InstrumentType.of(found)

    def _find_asset(self, key: EntityKey) -> object | None:
        assets = self._rates.catalog.assets
        found = assets.owner(key.value) if key.field == "code" else assets.find(key.value)
        return None if found is None else to_asset(found)

    def _find_source(self, key: EntityKey) -> object | None:
        source = parse_source_key(key.value)
        return None if source is None else to_source(source)
