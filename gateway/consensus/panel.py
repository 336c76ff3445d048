"""Asks the sources that track a symbol for their consensus: once, or kept up to date. Reads memory and waits for arrivals only."""

from collections.abc import AsyncGenerator, Sequence

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
            UnknownSymbol: tracked from no source asked.
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
        if not any(self._is_known(each, question) for each in asked):
            near = self._catalog.near(question.symbol, asked)
            raise UnknownSymbol(str(question.symbol), near=near)

    def _weigh(self, question: ConsensusQuestion) -> ConsensusRate:
        now = self._clock()
        tracking = self._catalog.sources_of(question.symbol)
        # Who names sources wants to hear of each; who leaves them out wants the symbol from whoever has it.
        asked = question.sources or [each for each in self._preference if self._is_known(each, question)]
        heard: dict[Source, Heard] = {}
        for source in asked:
            key = TickerKey(source, question.symbol)
            ticker = self._mirror.read(key) if source in tracking else None
            rate = None if ticker is None else self._rates.present_at(ticker, now)
            halted = self._rates.gone(key).message if key in self._catalog.halted else None
            heard[source] = Heard(source in tracking, rate, halted)
        return weigh(question, heard, now)

    def _is_known(self, source: Source, question: ConsensusQuestion) -> bool:
        """Whether it is tracked from there, be it halted."""
        key = TickerKey(source, question.symbol)
        return key in self._catalog.tracked or key in self._catalog.halted
