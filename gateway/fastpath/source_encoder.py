"""Encoder of sources: constant bytes for each source, as cheap as an enum value."""

from collections.abc import Callable
from operator import attrgetter

import msgspec
from graphql import GraphQLSchema

from gateway.fastpath.encoders import field_encoder, join_object, object_type
from gateway.fastpath.selection import NotOnFastPath, Selection, encode_key
from gateway.queries.rate import TtlBySource
from gateway.schema.source import to_source
from rates.clock import format_span_ms
from rates.source import Source

SourceEncoder = Callable[[Source], bytes]

_encode_int = msgspec.json.Encoder().encode


def source_encoder(schema: GraphQLSchema, selection: Selection, ttl: TtlBySource) -> SourceEncoder:
    """Return an encoder of the constant fields of a source.

    Raises:
        NotOnFastPath: the selection has a field that leads on to other objects.
    """
    if any(each.inside is not None for each in selection.fields):
        raise NotOnFastPath
    encoded = {source: _encode_source(schema, selection, source, ttl) for source in Source}
    return encoded.__getitem__


def _encode_source(schema: GraphQLSchema, selection: Selection, source: Source, ttl: TtlBySource) -> bytes:
    kind = object_type(schema, selection.type_name)
    members: list[bytes] = []
    for field in selection.fields:
        if field.name == "ttlMs":
            text = _encode_int(format_span_ms(ttl[source]))
        else:
            attribute, encode = field_encoder(schema, kind, field)
            text = encode(attrgetter(attribute)(to_source(source)))
        members.append(encode_key(field.key) + text)
    return join_object(members)
