"""Encoded results of subscriptions: equal events are encoded once for all subscribers."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from graphql import GraphQLError

from gateway.fastpath.answer_payloads import (
    AnswersPayloadEncoder,
    ConsensusPayloadEncoder,
    ConversionPayloadEncoder,
)
from gateway.fastpath.candle_payloads import CandlesPayloadEncoder
from gateway.fastpath.encoded_rate import EncodedRate
from gateway.fastpath.payload import EncodedPayload, result_encoder
from gateway.fastpath.plan import SubscriptionPlan
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.fastpath.selection import Field, NotOnFastPath, Selection
from gateway.fastpath.trade_payloads import TradesPayloadEncoder
from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rates_query import ConsensusRatesQuery
from gateway.queries.conversion.conversions_query import ConversionsQuery
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.rate import Rate
from gateway.queries.rate_query import RateQuery
from gateway.queries.rates_query import RatesQuery
from gateway.schema.context import OperationMetadata
from gateway.subscriptions.candles_event import LiveCandlesArgs
from gateway.subscriptions.cohort import Subscriber
from gateway.subscriptions.event import RatesEvent
from gateway.subscriptions.live_queries import LiveQueries, Query
from gateway.subscriptions.pull import PullSubscriber, Resuming, iterate
from gateway.subscriptions.trades_event import LiveTradesArgs
from rates.errors import RatesError

# The end of a result, as `gateway.results` encodes it.
THROTTLED_END = b',"extensions":{"throttled":true}}'


class RatesEventEncoder:
    """Encodes the events of one selection.

    It keeps the last event, for cohorts that send the same one after the other, and the rates encoded in the last flush cycle,
    for cohorts that send some of them.
    """

    def __init__(self, encoder: ResponseEncoder, selection: Selection) -> None:
        self._encoder = encoder
        self._object_encoder = encoder.object_encoder(selection)
        self._last_attributes: list[Any] = []
        self._last_rates: tuple[Rate, ...] = ()
        self._last_encoded = b""
        self._now: datetime | None = None
        self._encoded_rates: dict[Selection, dict[int, tuple[EncodedRate, bytes]]] = {}
        self.encoded_count = 0
        """The number of different events encoded so far."""

    def encode(self, event: RatesEvent) -> bytes:
        """The JSON of an event."""
        # The rates may show their instruments.
        attributes: list[Any] = [self._encoder.catalog.revision]
        attributes += [getattr(event, name) for name in self._object_encoder.attributes]
        if self._are_last(event.items) and attributes == self._last_attributes:
            return self._last_encoded
        if event.items and event.items[0].now is not self._now:
            self._now, self._encoded_rates = event.items[0].now, {}
        selections = self._object_encoder.item_selections
        if len(selections) == 1 and not self._object_encoder.attributes:
            # Most events show nothing but their rates.
            encoded = b"%b%b}" % (self._object_encoder.start, self._encode_items(selections[0], event.items))
        else:
            items = {each: self._encode_items(each, event.items) for each in selections}
            encoded = self._object_encoder.encode(event, items.__getitem__)
        self._last_encoded = encoded
        self._last_attributes, self._last_rates = attributes, event.items
        self.encoded_count += 1
        return self._last_encoded

    def _encode_items(self, selection: Selection, rates: tuple[Rate, ...]) -> bytes:
        encoded = self._encoded_rates.get(selection)
        if encoded is None:
            encoded = self._encoded_rates[selection] = {}
        # Ids are unique among live objects, and the encoded rate keeps its ticker alive.
        ids = [id(rate.ticker) for rate in rates]
        missing = [rate for rate, number in zip(rates, ids, strict=True) if number not in encoded]
        # Of a thousand lists that change at once, few show a rate first.
        if missing:
            for rate, encoded_rate in zip(
                missing, self._encoder.encoded_rates(selection, missing), strict=True
            ):
                parts = encoded_rate.parts
                # A single part has no age to fill in.
                text = parts[0] if len(parts) == 1 else encoded_rate.encode_at(rate.now)
                encoded[id(rate.ticker)] = encoded_rate, text
        return b"[%b]" % b",".join([encoded[number][1] for number in ids])

    def _are_last(self, rates: tuple[Rate, ...]) -> bool:
        """Whether these are the rates encoded last.

        Compares identities: equal prices may be written differently.
        """
        last = self._last_rates
        if not self._last_encoded or len(rates) != len(last):
            return False
        # Lists that have a rate in common differ in others.
        return not rates or (
            rates[0].ticker is last[0].ticker
            and rates[-1].ticker is last[-1].ticker
            and self._are_valid(rates, last)
        )

    def _are_valid(self, rates: tuple[Rate, ...], last: tuple[Rate, ...]) -> bool:
        if any(rate.ticker is not known.ticker for rate, known in zip(rates, last, strict=True)):
            return False
        if rates[0].now is last[0].now:
            return True
        return all(
            len(encoded_rate.parts) == 1 and encoded_rate.is_valid_for(rate.ticker, rate.now)
            for encoded in self._encoded_rates.values()
            for rate in rates
            for encoded_rate, _ in (encoded[id(rate.ticker)],)
        )


class RatesPayloadEncoder:
    """Encodes the results of a `rates` subscription."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._event_encoder = RatesEventEncoder(encoder, field.inside)

    @property
    def encoded_count(self) -> int:
        """The number of different events encoded so far."""
        return self._event_encoder.encoded_count

    def encode(self, value: RatesEvent) -> EncodedPayload:
        """The result with an event."""
        body = self._enclose(self._event_encoder.encode(value))
        return EncodedPayload(body, value.cursor)


class RatePayloadEncoder:
    """Encodes the results of a `rate` subscription."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._enclose = result_encoder(field)
        self._encoder = encoder
        self._selection = field.inside
        # Raises for a selection that is not covered, before anything is subscribed to.
        encoder.rate_cache(field.inside)

    def encode(self, value: Rate) -> EncodedPayload:
        """The result with a rate."""
        return EncodedPayload(self._enclose(self._encoder.encode_rate(self._selection, value)))


AnyPayloadEncoder = (
    RatesPayloadEncoder
    | RatePayloadEncoder
    | ConsensusPayloadEncoder
    | AnswersPayloadEncoder
    | ConversionPayloadEncoder
    | CandlesPayloadEncoder
    | TradesPayloadEncoder
)


_PAYLOAD_ENCODERS: Mapping[type[Query], Callable[[ResponseEncoder, Field], AnyPayloadEncoder]] = {
    RateQuery: RatePayloadEncoder,
    RatesQuery: RatesPayloadEncoder,
    ConsensusQuery: ConsensusPayloadEncoder,
    ConsensusRatesQuery: AnswersPayloadEncoder,
    ConversionsQuery: AnswersPayloadEncoder,
    ConversionQuery: ConversionPayloadEncoder,
    LiveCandlesArgs: CandlesPayloadEncoder,
    LiveTradesArgs: TradesPayloadEncoder,
}


class ThrottledPayloadEncoder:
    """Encodes the results of throttled subscribers, in which the extensions say so."""

    def __init__(self, inner: AnyPayloadEncoder) -> None:
        self.inner = inner

    def encode(self, value: Any) -> EncodedPayload:
        """The result with an event or a value."""
        payload = self.inner.encode(value)
        return EncodedPayload(payload.body[:-1] + THROTTLED_END, payload.cursor)


class FastPathSubscriptions:
    """Makes the subscriptions of plans."""

    def __init__(self, live_queries: LiveQueries, encoder: ResponseEncoder) -> None:
        self._live_queries = live_queries
        self._encoder = encoder
        # The same encoder for the same root field: its subscribers may share payloads.
        # They hold the last event, so they live as long as a live query uses them.
        self._payload_encoders: WeakValueDictionary[Field, AnyPayloadEncoder] = WeakValueDictionary()
        self._throttled_encoders: WeakValueDictionary[Field, ThrottledPayloadEncoder] = WeakValueDictionary()

    def subscribe(
        self,
        plan: SubscriptionPlan,
        subscriber: Subscriber[EncodedPayload],
        resume_from: str | None = None,
        *,
        is_throttled: bool = False,
    ) -> Resuming | None:
        """Deliver the encoded results; after a cursor, only once the returned coroutine has run.

        With `is_throttled` there are fewer, which say so.

        Raises:
            NotOnFastPath, GraphQLError, RatesError: execute the document instead, which reports the error.
        """
        query, options, cursor = plan.args
        encoder: Any = self.payload_encoder(plan)
        if is_throttled:
            encoder, options = self._throttled_encoder(plan.field, encoder), options.throttled()
        return self._live_queries.subscribe(query, options, encoder, subscriber, after=resume_from or cursor)

    def iterate(
        self, plan: SubscriptionPlan, metadata: OperationMetadata
    ) -> AsyncGenerator[bytes, None] | None:
        """The encoded results, each computed on demand; `None` if the subscription cannot be made."""
        try:
            self.payload_encoder(plan)
            self._live_queries.check(plan.args.query, metadata.resume_from or plan.args.cursor)
        except (NotOnFastPath, GraphQLError, RatesError):
            return None
        return self._iterate(plan, metadata)

    def may_restore(self, plan: SubscriptionPlan) -> bool:
        """Tell whether a throttled subscription may begin anew without an error."""
        return self._live_queries.may_restore(plan.args.query)

    def payload_encoder(self, plan: SubscriptionPlan) -> AnyPayloadEncoder:
        """The encoder of the plan's root field.

        Raises:
            NotOnFastPath: the selection is not covered.
        """
        field = plan.field
        encoder = self._payload_encoders.get(field)
        if encoder is None:
            encoder = self._make_payload_encoder(plan.args.query, field)
            self._payload_encoders[field] = encoder
        return encoder

    def _throttled_encoder(self, field: Field, encoder: AnyPayloadEncoder) -> ThrottledPayloadEncoder:
        """Return the same encoder for all who are throttled: they share payloads with each other."""
        throttled = self._throttled_encoders.get(field)
        if throttled is None or throttled.inner is not encoder:
            throttled = self._throttled_encoders[field] = ThrottledPayloadEncoder(encoder)
        return throttled

    def _make_payload_encoder(self, query: Query, field: Field) -> AnyPayloadEncoder:
        make = _PAYLOAD_ENCODERS[type(query)]
        return make(self._encoder, field)

    async def _iterate(
        self, plan: SubscriptionPlan, metadata: OperationMetadata
    ) -> AsyncGenerator[bytes, None]:
        is_throttled = metadata.is_throttled

        def subscribe(subscriber: PullSubscriber[EncodedPayload]) -> Resuming | None:
            return self.subscribe(plan, subscriber, metadata.resume_from, is_throttled=is_throttled)

        def resubscribe(subscriber: PullSubscriber[EncodedPayload], cursor: str | None) -> Resuming | None:
            return self.subscribe(plan, subscriber, cursor)

        iterating = (
            iterate(subscribe, resubscribe, lambda: self.may_restore(plan))
            if is_throttled
            else iterate(subscribe)
        )
        async with aclosing(iterating) as payloads:
            async for payload in payloads:
                metadata.cursor = payload.cursor or metadata.cursor
                yield payload.body
