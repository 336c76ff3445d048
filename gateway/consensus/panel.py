"""Asks the sources that track a symbol for their consensus: once, or kept up to date. Reads memory and waits for arrivals only."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from gateway.catalog import InstrumentCatalog
from gateway.cohort import House, Topic
from gateway.consensus.follow import ConsensusCohort
from gateway.consensus.question import ConsensusQuestion
from gateway.consensus.rate import ConsensusRate
from gateway.consensus.weighing import Heard, weigh
from gateway.mailbox import Mailbox, pull
from gateway.mirror import Mirror
from gateway.pace import Pace
from gateway.rates import Rates
from gateway.subscribers import Selection
from rates.clock import Clock
from rates.errors import UnknownSymbol
from rates.source import Source
from rates.ticker import TickerKey


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

    def consensus(self, question: ConsensusQuestion) -> ConsensusRate:
        """The present answer.

        Raises:
            UnknownSymbol: no source asked lists it.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._check(question)
        return self._weigh(question)

    def watch(self, question: ConsensusQuestion, pace: Pace) -> AsyncGenerator[ConsensusRate, None]:
        """The answer at once, then whenever it is another, be it by the passing of time or by what is tracked.

        Raises:
            UnknownSymbol: at once; a symbol that is tracked no more later on leaves INSUFFICIENT.
            CacheUnavailable, DatabaseUnavailable: nothing has been read yet.
        """
        self._check(question)
        return pull(lambda mailbox: self._follow(question, pace, mailbox))

    def _follow(self, question: ConsensusQuestion, pace: Pace, mailbox: Mailbox[ConsensusRate]) -> None:
        # Of sources that do not track it yet too: only what is tracked is ever published.
        sources = frozenset(question.sources or self._preference)
        topic = Topic(Selection(frozenset([question.symbol]), sources), pace)
        cohort = ConsensusCohort(self._house, topic, lambda: self._weigh(question))
        cohort.admit(mailbox)
        cohort.open()

    def _check(self, question: ConsensusQuestion) -> None:
        self._rates.check_loaded()
        asked = question.sources or self._preference
        if not any(self._is_listed(TickerKey(each, question.symbol)) for each in asked):
            near = self._catalog.near(question.symbol, asked)
            raise UnknownSymbol(str(question.symbol), near=near)

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
