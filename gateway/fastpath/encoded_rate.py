"""One rate version, encoded once for one selection."""

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from graphql import GraphQLSchema

from gateway.fastpath.encoders import Encoder, field_encoder, object_type
from gateway.fastpath.nested_objects import nested_encoder
from gateway.fastpath.selection import Field, Selection, encode_key
from gateway.fastpath.source_encoder import source_encoder
from gateway.queries.freshness import EXPIRED_AFTER_TTLS, Freshness
from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from gateway.schema.instruments import InstrumentType
from gateway.schema.rates import READ_RATE
from gateway.schema.scalars import clamp
from instruments.instrument import Instrument
from rates.clock import format_us
from rates.ticker import Ticker

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
US_PER_MS = 1000
# Ages up to half a minute, encoded in advance: a lookup takes a fifth of the time. 1.7 MB per process.
ENCODED_AGES = [b"%d" % age_ms for age_ms in range(32_768)]

ReadRate = Callable[[Rate], Any]


class EncodedRate(NamedTuple):
    """The bytes of one rate in one selection.

    `parts` are the bytes before, between and after the ages; a selection without an age has one part. The bytes are correct after
    `valid_after` up to and including `valid_until`. `observed_us` is 0 without an age. `with_comma` is the first part behind the comma of a list.
    """

    ticker: Ticker
    parts: tuple[bytes, ...]
    observed_us: int
    valid_after: datetime
    valid_until: datetime
    with_comma: bytes

    def encode(self, now_us: int) -> bytes:
        """Return the rate with its age at that time, in microseconds since the Unix epoch."""
        if len(self.parts) == 1:
            return self.parts[0]
        return encode_age(now_us - self.observed_us).join(self.parts)

    def encode_at(self, now: datetime) -> bytes:
        """Return the rate with its age at that time."""
        parts = self.parts
        return parts[0] if len(parts) == 1 else encode_age(format_us(now) - self.observed_us).join(parts)

    def is_valid_for(self, ticker: Ticker, now: datetime) -> bool:
        """Tell whether the bytes are of this ticker, and correct at that time."""
        return self.ticker is ticker and self.valid_after < now <= self.valid_until


def encode_age(age_us: int) -> bytes:
    """Encode whole milliseconds, rounded up like `format_age_ms`; 0 for times in the future."""
    age_ms = -(-age_us // US_PER_MS)
    if 0 <= age_ms < len(ENCODED_AGES):
        return ENCODED_AGES[age_ms]
    return b"%d" % clamp(max(0, age_ms))


class RateEncoder:
    """Encodes rates in one selection.

    Raises:
        NotOnFastPath: the selection has a field that is neither a leaf nor a plain object.
    """

    def __init__(self, schema: GraphQLSchema, selection: Selection, rates: RateReader) -> None:
        self._members = [
            (
                (b"," if place else b"") + encode_key(each.key),
                None if each.name == "ageMs" else _member_encoder(schema, selection, each, rates),
            )
            for place, each in enumerate(selection.fields)
        ]
        self.has_freshness = any(each.name == "freshness" for each in selection.fields)
        self.has_instrument = any(each.name == "instrument" for each in selection.fields)
        self.has_age = any(each.name == "ageMs" for each in selection.fields)

    def encode(self, rate: Rate) -> EncodedRate:
        """Encode a rate, with gaps for its age."""
        parts: list[bytes] = []
        chunks = [b"{"]
        for name, leaf in self._members:
            chunks.append(name)
            if leaf is None:
                parts.append(b"".join(chunks))
                chunks.clear()
            else:
                read, encode = leaf
                chunks.append(encode(read(rate)))
        valid_after, valid_until = _validity(rate) if self.has_freshness else (EARLIEST, LATEST)
        observed_us = format_us(rate.ticker.observed_at) if self.has_age else 0
        chunks.append(b"}")
        parts.append(b"".join(chunks))
        return EncodedRate(rate.ticker, tuple(parts), observed_us, valid_after, valid_until, b"," + parts[0])


def _member_encoder(
    schema: GraphQLSchema, selection: Selection, field: Field, rates: RateReader
) -> tuple[ReadRate, Encoder]:
    if field.name == "source" and field.inside is not None:
        return attrgetter("ticker.source"), source_encoder(schema, field.inside, rates.ttl)
    if field.name == "instrument" and field.inside is not None:
        return _instrument_encoder(schema, field.inside, rates)
    attribute, encode = field_encoder(schema, object_type(schema, selection.type_name), field)
    return READ_RATE.get(attribute, attrgetter(attribute)), encode


def _instrument_encoder(
    schema: GraphQLSchema, selection: Selection, rates: RateReader
) -> tuple[ReadRate, Encoder]:
    encode_instrument = nested_encoder(schema, selection, rates.ttl)

    def encode(value: Instrument | None) -> bytes:
        return b"null" if value is None else encode_instrument(InstrumentType.of(value))

    return lambda rate: rates.find_instrument(rate.ticker.key), encode


def _validity(rate: Rate) -> tuple[datetime, datetime]:
    """Return the time span in which the rate keeps its freshness."""
    expires = rate.expires_at
    expired_after = rate.ticker.observed_at + rate.ttl * EXPIRED_AFTER_TTLS
    match rate.freshness:
        case Freshness.FRESH:
            return EARLIEST, expires
        case Freshness.STALE:
            return expires, expired_after
        case Freshness.EXPIRED:
            return expired_after, LATEST
