"""Asks the sources that track a symbol for their consensus: once, or kept up to date. Reads memory and waits for arrivals only."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import TypeVar

from gateway.queries.consensus.query import ConsensusQuery
from gateway.queries.consensus.rate import ConsensusRate
from gateway.queries.consensus.weighing import SourceRate, weigh
from gateway.queries.rate_reader import RateReader
from gateway.state.catalog import InstrumentCatalog
from gateway.state.mirror import Mirror
from gateway.subscriptions.cohort import FanOut, LiveQueryRegistry, PlainValues, Subscriber
from gateway.subscriptions.consensus_cohort import ConsensusCohort, ConsensusEncoder, LiveConsensusQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.pull import iterate
from gateway.subscriptions.registry import InstrumentFilter
from rates.clock import Clock
from rates.errors import UnknownSymbol
from rates.source import Source
from rates.ticker import TickerKey

ToldT = TypeVar("ToldT")


class ConsensusReader:
    """All sources, most preferred first."""

    def __init__(
        self,
        rates: RateReader,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        house: FanOut,
        *,
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._rates = rates
        self._mirror = mirror
        self._catalog = catalog
        self._house = house
        self._preference = tuple(preference)
        self._clock = clock
        self._topics = LiveQueryRegistry()

    def consensus(self, query: ConsensusQuery) -> ConsensusRate:
        """The present answer.

        Raises:
            UnknownSymbol: no source asked lists it.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check(query)
        return self._weigh(query)

    def watch(self, query: ConsensusQuery, pace: DeliveryOptions) -> AsyncGenerator[ConsensusRate, None]:
        """The answer at once, then whenever it is another, be it by the passing of time or by what is tracked.

        Raises:
            UnknownSymbol: at once; a symbol that is tracked no more later on leaves INSUFFICIENT.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check(query)
        topic = self._make_topic(query, pace, PlainValues[ConsensusRate]())
        return iterate(lambda mailbox: self._follow(topic, mailbox))

    def follow(
        self,
        query: ConsensusQuery,
        pace: DeliveryOptions,
        writer: ConsensusEncoder[ToldT],
        reader: Subscriber[ToldT],
    ) -> None:
        """Have `reader` told what `watch` tells, in the words of `writer`.

        Raises:
            UnknownSymbol, CacheUnavailable, DatabaseUnavailable: as there.
        """
        self.check(query)
        key = writer, query, pace
        topic = self._topics.share(key, lambda: self._make_topic(query, pace, writer))
        self._follow(topic, reader)

    def check(self, query: ConsensusQuery) -> None:
        """Refuse what `consensus` and `watch` refuse."""
        self._rates.check_loaded()
        asked = query.sources or self._preference
        if not any(self._is_listed(TickerKey(each, query.symbol)) for each in asked):
            near = self._catalog.suggest(query.symbol, asked)
            raise UnknownSymbol(str(query.symbol), near=near)

    def _make_topic(
        self, query: ConsensusQuery, pace: DeliveryOptions, writer: ConsensusEncoder[ToldT]
    ) -> LiveConsensusQuery[ToldT]:
        # Of sources that do not track it yet too: only what is tracked is ever published.
        sources = frozenset(query.sources or self._preference)
        return LiveConsensusQuery(query, InstrumentFilter(frozenset([query.symbol]), sources), pace, writer)

    def _follow(self, topic: LiveConsensusQuery[ToldT], reader: Subscriber[ToldT]) -> None:
        cohort = ConsensusCohort(self._house, topic, self._weigh)
        cohort.admit(reader)
        cohort.open()

    def _is_listed(self, key: TickerKey) -> bool:
        return key in self._catalog.tracked or key in self._catalog.halted

    def _weigh(self, query: ConsensusQuery) -> ConsensusRate:
        now = self._clock()
        # Who names sources wants to hear of each; who leaves them out wants the symbol from whoever lists it.
        keys = [TickerKey(each, query.symbol) for each in query.sources or self._preference]
        asked = [key for key in keys if query.sources or self._is_listed(key)]
        return weigh(query, {key.source: self._hear(key, now) for key in asked}, now)

    def _hear(self, key: TickerKey, now: datetime) -> SourceRate:
        if key not in self._catalog.tracked:
            return SourceRate(None, self._rates.explain_unavailable(key))
        ticker = self._mirror.read(key)
        return SourceRate(None if ticker is None else self._rates.to_rate(ticker, now))
