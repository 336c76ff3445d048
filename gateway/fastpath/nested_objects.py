"""Encoders of nested objects that are not cached in parts.

They encode plain values, as the readers of the schema's types read them, and instruments and assets of the schema. An attribute
without a reader is read as it is.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLSchema

from gateway.fastpath.encoders import Encoder, field_encoder, join_list, join_object, object_type
from gateway.fastpath.selection import Field, NotOnFastPath, Selection, encode_key
from gateway.fastpath.source_encoder import source_encoder
from gateway.queries.rate import TtlBySource, UnavailableRate
from gateway.schema.candles import READ_CANDLE, READ_CANDLE_LIST
from gateway.schema.consensus import READ_CONSENSUS, READ_CONTRIBUTION
from gateway.schema.consensus_candles import READ_CONSENSUS_CANDLE, READ_CONSENSUS_CANDLE_LIST
from gateway.schema.conversion import READ_CONVERSION, READ_LEG
from gateway.schema.rate_at import READ_RATE_AT
from gateway.schema.rates import READ_RATE
from gateway.schema.source import SourceType, to_source
from gateway.schema.summaries import READ_SUMMARY
from gateway.schema.trades import READ_TRADE

Reader = Callable[[Any], Any]


def _read_requested_source(value: UnavailableRate) -> SourceType | None:
    return None if value.source is None else to_source(value.source)


_READERS: Mapping[str, Mapping[str, Reader]] = {
    "Asset": {},
    "Candle": READ_CANDLE,
    "CandleList": READ_CANDLE_LIST,
    "Gap": {},
    "ConsensusCandle": READ_CONSENSUS_CANDLE,
    "ConsensusCandleList": READ_CONSENSUS_CANDLE_LIST,
    "Instrument": {},
    "ConsensusRate": READ_CONSENSUS,
    "ConsensusContribution": READ_CONTRIBUTION,
    "Conversion": READ_CONVERSION,
    "ConversionLeg": READ_LEG,
    "Rate": READ_RATE,
    "RateAt": READ_RATE_AT,
    "Summary": READ_SUMMARY,
    "Trade": READ_TRADE,
    "UnavailableConversion": {},
    "UnavailableRate": {"source": _read_requested_source},
}
# What of an answer changes without a new rate, a new freshness or a new basis: ages, and messages that tell them.
_MOVING = frozenset({"ageMs", "message"})


def nested_encoder(schema: GraphQLSchema, selection: Selection, ttl: TtlBySource) -> Encoder:
    """Return an encoder of plain values, with nested objects and lists of them.

    Raises:
        NotOnFastPath: a field has arguments or a resolver.
    """
    if selection.type_name == "Source":
        return _shared_source_encoder(schema, selection, ttl)
    readers = _READERS.get(selection.type_name)
    if readers is None:
        raise NotOnFastPath
    kind = object_type(schema, selection.type_name)
    members = [
        (encode_key(each.key), *_member(schema, kind, each, ttl, readers)) for each in selection.fields
    ]

    def encode(value: Any) -> bytes:
        return join_object([name + encode_member(read(value)) for name, read, encode_member in members])

    return encode


def has_moving_fields(selection: Selection) -> bool:
    """Tell whether the bytes of an unchanged answer change with its age."""
    return any(
        field.name in _MOVING or (field.inside is not None and has_moving_fields(field.inside))
        for field in selection.fields
    )


def _shared_source_encoder(schema: GraphQLSchema, selection: Selection, ttl: TtlBySource) -> Encoder:
    encode_source = source_encoder(schema, selection, ttl)

    def encode(value: SourceType) -> bytes:
        return encode_source(value.code)

    return encode


def _member(
    schema: GraphQLSchema,
    kind: GraphQLObjectType,
    field: Field,
    ttl: TtlBySource,
    readers: Mapping[str, Reader],
) -> tuple[Reader, Encoder]:
    if field.inside is None:
        attribute, encode = field_encoder(schema, kind, field)
        return readers.get(attribute, attrgetter(attribute)), encode
    defined = kind.fields[field.name]
    definition = defined.extensions.get("strawberry-definition")
    if defined.args or definition is None or definition.base_resolver is not None:
        raise NotOnFastPath
    encode = nested_encoder(schema, field.inside, ttl)
    attribute = definition.python_name
    return readers.get(attribute, attrgetter(attribute)), _wrap(defined.type, encode)


def _wrap(kind: Any, encode: Encoder) -> Encoder:
    """Add the nullability and the lists of the type to the encoder."""
    if isinstance(kind, GraphQLNonNull):
        return _wrap_given(kind.of_type, encode)
    inner = _wrap_given(kind, encode)
    return lambda value: b"null" if value is None else inner(value)


def _wrap_given(kind: Any, encode: Encoder) -> Encoder:
    if not isinstance(kind, GraphQLList):
        return encode
    inner = _wrap(kind.of_type, encode)
    return lambda values: join_list(map(inner, values))
