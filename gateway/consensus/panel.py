"""Asks the sources that track a symbol for their consensus: once, or kept up to date. Reads memory and waits for arrivals only."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import TypeVar

from gateway.catalog import InstrumentCatalog
from gateway.cohort import AsItIs, House, Reader, Topics
from gateway.consensus.follow import ConsensusCohort, ConsensusTopic, ConsensusWriter
from gateway.consensus.question import ConsensusQuestion
from gateway.consensus.rate import ConsensusRate
from gateway.consensus.weighing import Heard, weigh
from gateway.mailbox import pull
from gateway.mirror import Mirror
from gateway.pace import Pace
from gateway.rates import Rates
from gateway.subscribers import Selection
from rates.clock import Clock
from rates.errors import UnknownSymbol
from rates.source import Source
from rates.ticker import TickerKey

ToldT = TypeVar("ToldT")


class Panel:
    """All sources, most preferred first."""

    def __init__(
        self,
        rates: Rates,
        mirror: Mirror,
        catalog: InstrumentCatalog,
        house: House,
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
        self._topics = Topics()

    def consensus(self, question: ConsensusQuestion) -> ConsensusRate:
        """The present answer.

        Raises:
            UnknownSymbol: no source asked lists it.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check(question)
        return self._weigh(question)

    def watch(self, question: ConsensusQuestion, pace: Pace) -> AsyncGenerator[ConsensusRate, None]:
        """The answer at once, then whenever it is another, be it by the passing of time or by what is tracked.

        Raises:
            UnknownSymbol: at once; a symbol that is tracked no more later on leaves INSUFFICIENT.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self.check(question)
        topic = self._make_topic(question, pace, AsItIs[ConsensusRate]())
        return pull(lambda mailbox: self._follow(topic, mailbox))

    def follow(
        self,
        question: ConsensusQuestion,
        pace: Pace,
        writer: ConsensusWriter[ToldT],
        reader: Reader[ToldT],
    ) -> None:
        """Have `reader` told what `watch` tells, in the words of `writer`.

        Raises:
            UnknownSymbol, CacheUnavailable, DatabaseUnavailable: as there.
        """
        self.check(question)
        key = writer, question, pace
        topic = self._topics.share(key, lambda: self._make_topic(question, pace, writer))
        self._follow(topic, reader)

    def check(self, question: ConsensusQuestion) -> None:
        """Refuse what `consensus` and `watch` refuse."""
        self._rates.check_loaded()
        asked = question.sources or self._preference
        if not any(self._is_listed(TickerKey(each, question.symbol)) for each in asked):
            near = self._catalog.near(question.symbol, asked)
            raise UnknownSymbol(str(question.symbol), near=near)

    def _make_topic(
        self, question: ConsensusQuestion, pace: Pace, writer: ConsensusWriter[ToldT]
    ) -> ConsensusTopic[ToldT]:
        # Of sources that do not track it yet too: only what is tracked is ever published.
        sources = frozenset(question.sources or self._preference)
        return ConsensusTopic(question, Selection(frozenset([question.symbol]), sources), pace, writer)

    def _follow(self, topic: ConsensusTopic[ToldT], reader: Reader[ToldT]) -> None:
        cohort = ConsensusCohort(self._house, topic, self._weigh)
        cohort.admit(reader)
        cohort.open()

    def _is_listed(self, key: TickerKey) -> bool:
        return key in self._catalog.tracked or key in self._catalog.halted

    def _weigh(self, question: ConsensusQuestion) -> ConsensusRate:
        now = self._clock()
        # Who names sources wants to hear of each; who leaves them out wants the symbol from whoever lists it.
        keys = [TickerKey(each, question.symbol) for each in question.sources or self._preference]
        asked = [key for key in keys if question.sources or self._is_listed(key)]
        return weigh(question, {key.source: self._hear(key, now) for key in asked}, now)

    def _hear(self, key: TickerKey, now: datetime) -> Heard:
        if key not in self._catalog.tracked:
            return Heard(None, self._rates.gone(key))
        ticker = self._mirror.read(key)
        return Heard(None if ticker is None else self._rates.present_at(ticker, now))
