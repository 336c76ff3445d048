"""Results of subscriptions as bytes: an event that says the same to several readers is written once."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypeVar, cast

from graphql import GraphQLError

from gateway.fastpath.encoded_rate import EncodedRate
from gateway.fastpath.encoders import encode_key, join_list
from gateway.fastpath.object_encoder import tree_writer
from gateway.fastpath.payload import EncodedPayload
from gateway.fastpath.plan import ConsensusSubscriptionArgs, RateSubscriptionArgs, SubscriptionPlan
from gateway.fastpath.response_encoder import MAX_SELECTIONS, ResponseEncoder
from gateway.fastpath.selection import Field, NotOnFastPath, Selection
from gateway.lru import BoundedLru
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.reader import ConsensusReader
from gateway.queries.rate import Rate
from gateway.schema import consensus
from gateway.schema.context import OperationMetadata
from gateway.subscriptions.cohort import Subscriber
from gateway.subscriptions.event import RatesEvent
from gateway.subscriptions.live_queries import LiveQueries
from gateway.subscriptions.pull import PullSubscriber, Resuming, iterate
from rates.clock import format_us
from rates.errors import RatesError

WriterT = TypeVar("WriterT", "RatesPayloadEncoder", "RatePayloadEncoder", "ConsensusPayloadEncoder")


class RatesEventEncoder:
    """Writes events in one selection. It remembers the last event, for readers who are told the same one after the other, and the
    rates that it wrote of the last moment, for those who are told of some of them.
    """

    def __init__(self, encoder: ResponseEncoder, selection: Selection) -> None:
        self._encoder = encoder
        self._shape = encoder.object_encoder(selection)
        self._told: list[Any] = []
        self._rates: tuple[Rate, ...] = ()
        self._text = b""
        self._now: datetime | None = None
        self._written: dict[Selection, dict[int, tuple[EncodedRate, bytes]]] = {}
        self.written = 0
        """How many different events were put together."""

    def write(self, event: RatesEvent) -> bytes:
        """The event."""
        told = [getattr(event, name) for name in self._shape.attributes]
        if self._is_last(event.items) and told == self._told:
            return self._text
        if event.items and event.items[0].now is not self._now:
            self._now, self._written = event.items[0].now, {}
        self._text = self._shape.write(event, lambda selection: self._write_items(selection, event.items))
        self._told, self._rates = told, event.items
        self.written += 1
        return self._text

    def _write_items(self, selection: Selection, rates: tuple[Rate, ...]) -> bytes:
        written = self._written.setdefault(selection, {})
        # Two tickers that are alive have two ids, and what is remembered is alive: the fragment has it.
        others = [rate for rate in rates if id(rate.ticker) not in written]
        for rate, encoded_rate in zip(others, self._encoder.encoded_rates(selection, others), strict=True):
            written[id(rate.ticker)] = encoded_rate, encoded_rate.write(format_us(rate.now))
        return join_list([written[id(rate.ticker)][1] for rate in rates])

    def _is_last(self, rates: tuple[Rate, ...]) -> bool:
        """Whether these rates were written last. Equal prices can be written differently: only the very same are the same."""
        last = self._rates
        if not self._text or len(rates) != len(last):
            return False
        return not rates or (rates[0].ticker is last[0].ticker and self._all_valid(rates, last))

    def _all_valid(self, rates: tuple[Rate, ...], last: tuple[Rate, ...]) -> bool:
        if any(rate.ticker is not known.ticker for rate, known in zip(rates, last, strict=True)):
            return False
        if rates[0].now is last[0].now:
            return True
        return all(
            len(encoded_rate.parts) == 1 and encoded_rate.is_valid_for(rate.ticker, rate.now)
            for written in self._written.values()
            for rate in rates
            for encoded_rate, _ in (written[id(rate.ticker)],)
        )


class RatesPayloadEncoder:
    """Writes the events of a root field."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._before = b'{"data":{' + encode_key(field.key)
        self._writer = RatesEventEncoder(encoder, field.inside)

    @property
    def written(self) -> int:
        """How many different events were put together."""
        return self._writer.written

    def write(self, event: RatesEvent) -> EncodedPayload:
        """The result of an event."""
        return EncodedPayload(b"".join((self._before, self._writer.write(event), b"}}")), event.cursor)


class RatePayloadEncoder:
    """Writes the rates of a root field."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._before = b'{"data":{' + encode_key(field.key)
        self._encoder = encoder
        self._selection = field.inside
        # A selection that is not covered is known for it before anything is followed.
        encoder.rate_cache(field.inside)

    def write(self, rate: Rate) -> EncodedPayload:
        """The result of a rate."""
        return EncodedPayload(
            b"".join((self._before, self._encoder.write_rate(self._selection, rate), b"}}"))
        )


class ConsensusPayloadEncoder:
    """Writes the consensuses of a root field."""

    def __init__(self, encoder: ResponseEncoder, field: Field) -> None:
        assert field.inside is not None
        self._before = b'{"data":{' + encode_key(field.key)
        self._write = tree_writer(encoder.schema, field.inside)

    def write(self, answer: ConsensusRate) -> EncodedPayload:
        """The result of an answer."""
        return EncodedPayload(
            b"".join((self._before, self._write(consensus.ConsensusRateType.of(answer)), b"}}"))
        )


class FastPathSubscriptions:
    """Carries out the plans of subscriptions."""

    def __init__(self, live: LiveQueries, consensus: ConsensusReader, encoder: ResponseEncoder) -> None:
        self._live = live
        self._consensus = consensus
        self._encoder = encoder
        # The same writer for the same root field: its readers may share what they are told.
        self._writers: BoundedLru[
            Field, RatesPayloadEncoder | RatePayloadEncoder | ConsensusPayloadEncoder
        ] = BoundedLru(size=MAX_SELECTIONS)

    def follow(
        self, watch: SubscriptionPlan, resume_from: str | None, reader: Subscriber[EncodedPayload]
    ) -> Resuming | None:
        """Have `reader` told the results, at once or when what is returned has been done.

        Raises:
            NotCovered, GraphQLError, RatesError: not this way: the plain path has its words.
        """
        field, args = watch.root.field, watch.args
        if isinstance(args, RateSubscriptionArgs):
            self._live.follow_rate(*args, self.writer(field, RatePayloadEncoder), reader)
            return None
        if isinstance(args, ConsensusSubscriptionArgs):
            self._consensus.follow(*args, self.writer(field, ConsensusPayloadEncoder), reader)
            return None
        after = resume_from or args.after
        return self._live.follow_rates(
            args.query, args.pace, after, self.writer(field, RatesPayloadEncoder), reader
        )

    def watch(
        self, watch: SubscriptionPlan, metadata: OperationMetadata
    ) -> AsyncGenerator[bytes, None] | None:
        """The results for a reader that asks for each; `None` where something goes wrong at once."""
        try:
            self._check(watch, metadata.resume_from)
        except (NotOnFastPath, GraphQLError, RatesError):
            return None
        return self._results(watch, metadata)

    def _check(self, watch: SubscriptionPlan, resume_from: str | None) -> None:
        field, args = watch.root.field, watch.args
        if isinstance(args, RateSubscriptionArgs):
            self.writer(field, RatePayloadEncoder)
            self._live.check_rate(args.symbol, args.source)
        elif isinstance(args, ConsensusSubscriptionArgs):
            self.writer(field, ConsensusPayloadEncoder)
            self._consensus.check(args.query)
        else:
            self.writer(field, RatesPayloadEncoder)
            self._live.check_rates(args.query, resume_from or args.after)

    async def _results(
        self, watch: SubscriptionPlan, metadata: OperationMetadata
    ) -> AsyncGenerator[bytes, None]:
        def follow(mailbox: PullSubscriber[EncodedPayload]) -> Resuming | None:
            return self.follow(watch, metadata.resume_from, mailbox)

        async with aclosing(iterate(follow)) as results:
            async for told in results:
                metadata.cursor = told.cursor or metadata.cursor
                yield told.body

    def writer(self, field: Field, make: Callable[[ResponseEncoder, Field], WriterT]) -> WriterT:
        """The writer of that root field."""
        found = self._writers.get(field)
        if found is None:
            found = make(self._encoder, field)
            self._writers.put(field, found)
        return cast("WriterT", found)
