"""Questions with one answer, followed: when it is another, be it by a value that came or by the passing of time."""

from abc import abstractmethod
from datetime import datetime, timedelta
from math import inf
from typing import Generic, TypeVar
from typing import Protocol as Role

from gateway.queries.freshness import Freshness
from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from gateway.subscriptions.change_filter import is_move, next_refresh_at, would_look_fresher
from gateway.subscriptions.cohort import Cohort, FanOut, LiveQuery
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.registry import InstrumentFilter
from rates.errors import RateUnavailable, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol

# With nothing fresh, the source that has used up least of its time to live answers: which one changes as time passes.
RECONSIDER_AFTER = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)

AnswerT = TypeVar("AnswerT")
ToldT = TypeVar("ToldT")
ToldT_co = TypeVar("ToldT_co", covariant=True)


class RateValueEncoder(Role[ToldT_co]):
    """Turns rates into what readers are told."""

    def write(self, rate: Rate) -> ToldT_co:
        """The rate, as it is told."""
        ...


class LiveRateQuery(LiveQuery, Generic[ToldT]):
    """The symbol that is followed, and in which form it is told."""

    __slots__ = ("source", "symbol", "writer")

    def __init__(
        self,
        symbol: Symbol,
        source: Source | None,
        selection: InstrumentFilter,
        pace: DeliveryOptions,
        writer: RateValueEncoder[ToldT],
    ) -> None:
        super().__init__(selection, pace)
        self.symbol = symbol
        self.source = source
        self.writer = writer


class ValueCohort(Cohort[ToldT], Generic[AnswerT, ToldT]):
    """Readers who care for the answer to a question, not for the values that it is made of. `told` is the one told last."""

    __slots__ = ("alarm_at", "told")

    def __init__(self, house: FanOut, topic: LiveQuery) -> None:
        super().__init__(house, topic)
        self.told: AnswerT | None = None
        self.alarm_at: datetime | None = None

    @abstractmethod
    def answer(self) -> AnswerT | None:
        """The present answer; `None` while there is none."""

    @abstractmethod
    def is_news(self, answer: AnswerT) -> bool:
        """Whether it is another than the one told last, if any was."""

    @abstractmethod
    def turns_at(self, answer: AnswerT) -> datetime | None:
        """When the answer may be another though no value comes; asked after `told` was brought up to date."""

    @abstractmethod
    def write(self, answer: AnswerT) -> ToldT:
        """The answer, as it is told."""

    def open(self) -> None:
        """Begin with the answer, as soon as there is one."""
        self.poke()
        self.go_on()

    def is_due(self, moment: FlushCycle) -> bool:
        return (self.has_pending or self._has_alarm(moment)) and self.may_update(moment)

    def due_at(self, moment: FlushCycle) -> float:
        if self.has_pending:
            return self.update_at
        if self.alarm_at is None:
            return inf
        # Not before it may be told: the timer would go off over and over till then.
        return max(self.update_at, moment.at + (self.alarm_at - moment.now).total_seconds())

    def next_told(self, moment: FlushCycle) -> ToldT | None:
        if not self.has_pending and self._has_alarm(moment):
            self._poked = True
        if not (self.has_pending and self.may_update(moment)):
            return None
        answer = self._take_news()
        if answer is None:
            return None
        self.note_update(moment)
        return self.write(answer)

    def _has_alarm(self, moment: FlushCycle) -> bool:
        return self.alarm_at is not None and self.alarm_at <= moment.now

    def _take_news(self) -> AnswerT | None:
        """The answer, if it is news."""
        self.take()
        answer = self.answer()
        if answer is None:
            self.alarm_at = None
            return None
        if is_news := self.is_news(answer):
            self.told = answer
        self.alarm_at = self.turns_at(answer)
        return answer if is_news else None


class RateCohort(ValueCohort[Rate, ToldT]):
    """Readers of the answer to `rate`."""

    __slots__ = ("_rates",)
    topic: LiveRateQuery[ToldT]

    def __init__(self, house: FanOut, topic: LiveRateQuery[ToldT], rates: RateReader) -> None:
        super().__init__(house, topic)
        self._rates = rates

    def copy(self) -> "RateCohort[ToldT]":
        other = RateCohort(self._house, self.topic, self._rates)
        other.told, other.alarm_at = self.told, self.alarm_at
        return other

    def is_same(self, other: "Cohort[ToldT]") -> bool:
        return (
            super().is_same(other)
            and isinstance(other, RateCohort)
            and self.told is not None
            and other.told is not None
            and self.told.ticker is other.told.ticker
        )

    def answer(self) -> Rate | None:
        # Nobody has published one, or nobody is asked to any more.
        try:
            return self._rates.rate(self.topic.symbol, self.topic.source)
        except (RateUnavailable, UnknownSymbol):
            return None

    def is_news(self, answer: Rate) -> bool:
        if (told := self.told) is None or answer.ticker.source is not told.ticker.source:
            return True
        if answer.ticker == told.ticker:
            return False
        moved = is_move(told.ticker.price, answer.ticker.price, self.topic.pace.min_change_bps)
        return moved or would_look_fresher(answer.ticker, told.ticker, answer.ttl, answer.now)

    def turns_at(self, answer: Rate) -> datetime | None:
        turns = (self._source_turns_at(answer), self._notice_at(answer))
        return min((at for at in turns if at), default=None)

    def write(self, answer: Rate) -> ToldT:
        return self.topic.writer.write(answer)

    def _source_turns_at(self, rate: Rate) -> datetime | None:
        """When another source may answer though no value comes."""
        if self.topic.source is not None:
            return None
        if rate.freshness is Freshness.FRESH:
            return rate.expires_at + _MICROSECOND
        return rate.now + RECONSIDER_AFTER

    def _notice_at(self, rate: Rate) -> datetime | None:
        """When what was told last is about to look worse than what is known."""
        if self.told is None or self.told.ticker == rate.ticker:
            return None
        return next_refresh_at(self.told.ticker, rate.ttl, rate.now)
