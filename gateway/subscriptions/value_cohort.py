"""Cohorts of queries with a single answer: send it when a ticker or time changes it."""

from abc import abstractmethod
from datetime import datetime, timedelta
from math import inf
from typing import Generic, TypeVar

from gateway.queries.rate import Rate
from gateway.queries.rate_query import RateQuery
from gateway.queries.rate_reader import RateReader
from gateway.subscriptions.change_filter import has_moved, next_refresh_at, would_look_fresher
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.instrument_filter import InstrumentFilter
from rates.errors import RateUnavailable, UnknownSymbol

# Where no source is fresh, the one with the smallest age in units of its time to live answers: time alone may change it.
RECONSIDER_AFTER = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)

AnswerT = TypeVar("AnswerT")
PayloadT = TypeVar("PayloadT")


class LiveRateQuery(LiveQuery, Generic[PayloadT]):
    """A live `rate` query."""

    __slots__ = ("encoder", "query")

    def __init__(
        self,
        query: RateQuery,
        instruments: InstrumentFilter,
        options: DeliveryOptions,
        encoder: PayloadEncoder[Rate, PayloadT],
    ) -> None:
        super().__init__(instruments, options)
        self.query = query
        self.encoder = encoder


class ValueCohort(Cohort[PayloadT], Generic[AnswerT, PayloadT]):
    """Subscribers to the answer of a query.

    Its state is the answer sent last, and when the next one may differ.
    """

    __slots__ = ("last_sent", "next_change_at")

    def __init__(self, fan_out: FanOut, live_query: LiveQuery) -> None:
        super().__init__(fan_out, live_query)
        self.last_sent: AnswerT | None = None
        self.next_change_at: datetime | None = None

    @abstractmethod
    def compute(self) -> AnswerT | None:
        """The present answer; `None` while there is none."""

    @abstractmethod
    def has_changed(self, answer: AnswerT) -> bool:
        """Whether the answer differs from the one sent last, if any."""

    @abstractmethod
    def compute_next_change(self, answer: AnswerT) -> datetime | None:
        """When the answer may change without a new ticker. Called after `last_sent` is set."""

    @abstractmethod
    def encode(self, answer: AnswerT) -> PayloadT:
        """The payload of an answer."""

    def open(self) -> None:
        """Begin with the answer, as soon as there is one."""
        self.buffer.invalidate()
        self.flush_now()

    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        is_due = self.buffer.has_pending or (
            self.next_change_at is not None and self.next_change_at <= cycle.now
        )
        payload = None
        if is_due and self.next_update_at <= cycle.loop_time + EARLY_S:
            payload = self._update(cycle)
        return payload, self._next_deadline(cycle)

    def take_state(self, other: "ValueCohort[AnswerT, PayloadT]") -> None:
        """Take over the state of another cohort of the same live query."""
        self.last_sent, self.next_change_at = other.last_sent, other.next_change_at

    def _update(self, cycle: FlushCycle) -> PayloadT | None:
        self.buffer.take()
        answer = self.compute()
        if answer is None:
            self.next_change_at = None
            return None
        has_changed = self.has_changed(answer)
        if has_changed:
            self.last_sent = answer
        self.next_change_at = self.compute_next_change(answer)
        if not has_changed:
            return None
        self.mark_updated(cycle)
        return self.encode(answer)

    def _next_deadline(self, cycle: FlushCycle) -> float:
        if self.buffer.has_pending:
            return self.next_update_at
        if self.next_change_at is None:
            return inf
        # Not before an update may be sent: until then the timer would fire over and over.
        return max(self.next_update_at, cycle.loop_time + (self.next_change_at - cycle.now).total_seconds())


class RateCohort(ValueCohort[Rate, PayloadT]):
    """Subscribers to the rate that `rate` answers."""

    __slots__ = ("_rates",)
    live_query: LiveRateQuery[PayloadT]

    def __init__(self, fan_out: FanOut, live_query: LiveRateQuery[PayloadT], rates: RateReader) -> None:
        super().__init__(fan_out, live_query)
        self._rates = rates

    def copy(self) -> "RateCohort[PayloadT]":
        other = RateCohort(self._fan_out, self.live_query, self._rates)
        other.take_state(self)
        return other

    def has_same_state(self, other: "Cohort[PayloadT]") -> bool:
        return (
            other.live_query is self.live_query
            and isinstance(other, RateCohort)
            and self.last_sent is not None
            and other.last_sent is not None
            and self.last_sent.ticker is other.last_sent.ticker
        )

    def compute(self) -> Rate | None:
        try:
            return self._rates.rate(*self.live_query.query)
        except (RateUnavailable, UnknownSymbol):
            # No source has published one, or none tracks the symbol any more.
            return None

    def has_changed(self, answer: Rate) -> bool:
        if (sent := self.last_sent) is None or answer.ticker.source is not sent.ticker.source:
            return True
        if answer.ticker == sent.ticker:
            return False
        min_change_bps = self.live_query.options.min_change_bps
        has_price_moved = has_moved(sent.ticker.price, answer.ticker.price, min_change_bps)
        return has_price_moved or would_look_fresher(answer.ticker, sent.ticker, answer.ttl, answer.now)

    def compute_next_change(self, answer: Rate) -> datetime | None:
        times = (self._next_source_change(answer), self._next_refresh(answer))
        return min((at for at in times if at), default=None)

    def encode(self, answer: Rate) -> PayloadT:
        return self.live_query.encoder.encode(answer)

    def _next_source_change(self, rate: Rate) -> datetime | None:
        """When another source may answer without a new ticker."""
        query = self.live_query.query
        if query.source is not None:
            return None
        if not query.policy.allows(rate):
            return rate.now + RECONSIDER_AFTER
        ticker, policy = rate.ticker, query.policy
        last = ticker.observed_at + policy.limit(rate.ttl)
        if policy.max_trade_age is not None and ticker.last_trade_at is not None:
            last = min(last, ticker.last_trade_at + policy.max_trade_age)
        return last + _MICROSECOND

    def _next_refresh(self, rate: Rate) -> datetime | None:
        """When the rate sent last is about to look staler than the newest one."""
        if self.last_sent is None or self.last_sent.ticker == rate.ticker:
            return None
        return next_refresh_at(self.last_sent.ticker, rate.ttl, rate.now)
