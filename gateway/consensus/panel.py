"""Asks the sources that track a symbol for their consensus: once, or kept up to date. Reads memory and waits for arrivals only."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from gateway.catalog import InstrumentCatalog
from gateway.consensus.follow import ConsensusFollower
from gateway.consensus.question import ConsensusQuestion
from gateway.consensus.rate import ConsensusRate
from gateway.consensus.weighing import Heard, weigh
from gateway.mirror import Mirror
from gateway.pace import Beat, Pace, Pulse
from gateway.rates import Rates
from gateway.subscribers import Selection, Subscribers
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
        subscribers: Subscribers,
        *,
        preference: Sequence[Source],
        clock: Clock,
    ) -> None:
        self._rates = rates
        self._mirror = mirror
        self._catalog = catalog
        self._subscribers = subscribers
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
        return self._answers(question, pace)

    async def _answers(self, question: ConsensusQuestion, pace: Pace) -> AsyncGenerator[ConsensusRate, None]:
        follower = ConsensusFollower(lambda: self._weigh(question))
        # Of sources that do not track it yet too: only what is tracked is ever published.
        keys = frozenset(TickerKey(each, question.symbol) for each in question.sources or self._preference)
        with self._subscribers.registered(Selection(keys=keys), follower):
            pulse = Pulse(pace, follower, self._clock)
            follower.poke()
            while True:
                if await pulse.wait() is Beat.ALARM:
                    follower.poke()
                elif answer := follower.take_news():
                    pulse.note_update()
                    yield answer

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
