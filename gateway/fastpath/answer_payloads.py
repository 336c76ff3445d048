"""Encoded results of subscriptions to consensuses and conversions.

An answer is encoded once for all lists that contain it, in each selection.
"""

from datetime import datetime
from weakref import WeakKeyDictionary

from gateway.fastpath.encoders import join_list
from gateway.fastpath.nested_objects import has_moving_fields, nested_encoder
from gateway.fastpath.payload import EncodedPayload, result_encoder
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Field, Selection
from gateway.queries.consensus.rate import ConsensusRate
from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.live_answer import AnswerReading, LiveAnswer

# Encoded answers of one selection, up to some KB each.
MAX_ENCODED_ANSWERS = 2_048


class EncodedAnswers:
    """The encoded answers of one selection.

    Each is kept until it says something else; one with ages, until it is read at another moment.
    """

    def __init__(self, encoder: ResponseEncoder, selection: Selection) -> None:
        self._encode = nested_encoder(encoder.schema, selection, encoder.ttl)
        self._is_moving = has_moving_fields(selection)
        self._known: WeakKeyDictionary[LiveAnswer, tuple[object, datetime, bytes]] = WeakKeyDictionary()
        self.encoded_count = 0
        """How many answers were encoded so far."""

    def encode(self, reading: AnswerReading, now: datetime) -> bytes:
        """The JSON of an answer that was read at that moment."""
        known = self._known.get(reading.answer)
        if known is not None:
            said, encoded_at, encoded = known
            # An equal text is no proof: equal prices may be written differently.
            if said is reading.said and (not self._is_moving or encoded_at == now):
                return encoded
        elif len(self._known) >= MAX_ENCODED_ANSWERS:
            self._known.clear()
        encoded = self._encode(reading.value)
        self._known[reading.answer] = reading.said, now, encoded
        self.encoded_count += 1
        return encoded


class AnswersPayloadEncoder:
    """Encodes the results of a `consensusRates` or `conversions` subscription."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._object_encoder = encoder.object_encoder(field.inside)
        self._answers = {
            selection: EncodedAnswers(encoder, selection)
            for selection in self._object_encoder.item_selections
        }

    @property
    def encoded_count(self) -> int:
        """The number of answers encoded so far, in all selections."""
        return sum(each.encoded_count for each in self._answers.values())

    def encode(self, value: AnswersEvent) -> EncodedPayload:
        """The result with an event."""

        def encode_items(selection: Selection) -> bytes:
            answers = self._answers[selection]
            return join_list([answers.encode(reading, value.sent_at) for reading in value.items])

        body = self._object_encoder.encode(value, encode_items)
        return EncodedPayload(self._enclose(body))


class ConversionPayloadEncoder:
    """Encodes the results of a `conversion` subscription: the only item of its list, or null."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._answers = EncodedAnswers(encoder, field.inside)

    def encode(self, value: AnswersEvent) -> EncodedPayload:
        """The result with a conversion."""
        body = self._answers.encode(value.items[0], value.sent_at) if value.items else b"null"
        return EncodedPayload(self._enclose(body))


class ConsensusPayloadEncoder:
    """Encodes the results of a `consensusRate` subscription."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._encode_object = nested_encoder(encoder.schema, field.inside, encoder.ttl)

    def encode(self, value: ConsensusRate) -> EncodedPayload:
        """The result with a consensus."""
        return EncodedPayload(self._enclose(self._encode_object(value)))
