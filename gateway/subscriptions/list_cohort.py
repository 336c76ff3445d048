"""Readers of a live list: which event is due when, and up to where its cursor may claim that everything has been told."""

from collections.abc import Callable
from math import inf
from typing import Generic, NamedTuple, TypeVar
from typing import Protocol as Role

from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.state.mirror import Mirror
from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery
from gateway.subscriptions.conflation import Batch
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import RatesEvent, RatesEventKind
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.registry import InstrumentFilter
from rates.ticker import Ticker, TickerKey

ToldT = TypeVar("ToldT")
ToldT_co = TypeVar("ToldT_co", covariant=True)


class EventEncoder(Role[ToldT_co]):
    """Turns events into what readers are told."""

    def write(self, event: RatesEvent) -> ToldT_co:
        """The event, as it is told."""
        ...


class LiveRatesQuery(LiveQuery, Generic[ToldT]):
    """A question, in the form in which its events are told."""

    __slots__ = ("query", "writer")

    def __init__(
        self,
        query: RatesQuery,
        selection: InstrumentFilter,
        pace: DeliveryOptions,
        writer: EventEncoder[ToldT],
    ) -> None:
        super().__init__(selection, pace)
        self.query = query
        self.writer = writer


class Recovery(NamedTuple):
    """What a reader that came back has missed: these values, and everything that is answered no more or not yet."""

    tickers: tuple[Ticker, ...]
    gone: tuple[TickerKey, ...]
    cursor: str


Opening = Callable[[FlushCycle], RatesEvent]


class ListCohort(Cohort[ToldT]):
    """Begins with `openings`, one event each, the last of which is a SNAPSHOT."""

    __slots__ = ("_cursor", "_mirror", "_openings", "_rates")
    topic: LiveRatesQuery[ToldT]

    def __init__(
        self,
        house: FanOut,
        topic: LiveRatesQuery[ToldT],
        rates: RateReader,
        mirror: Mirror,
        threshold: MinChangeFilter | None,
    ) -> None:
        super().__init__(house, topic, threshold)
        self._rates = rates
        self._mirror = mirror
        self._openings: tuple[Opening, ...] | None = None
        self._cursor = ""

    def open(self) -> None:
        """Begin with a snapshot."""
        self._begin(lambda moment: self._snapshot(moment, recovered=None))

    def reopen(self, recovery: Recovery) -> None:
        """Begin with what was missed."""
        event = self._recovered(recovery)
        self._begin(lambda _: event)

    def open_after_gap(self, cursor: str) -> None:
        """Begin with a GAP that repeats the old cursor: whoever leaves before the snapshot has still missed the same."""
        self._begin(
            lambda moment: RatesEvent(kind=RatesEventKind.GAP, cursor=cursor, sent_at=moment.now),
            lambda moment: self._snapshot(moment, recovered=False),
        )

    @property
    def can_be_shared(self) -> bool:
        return self.threshold is None

    def copy(self) -> "ListCohort[ToldT]":
        other = ListCohort(self._house, self.topic, self._rates, self._mirror, None)
        other.take_over(self._openings, self._cursor)
        return other

    def take_over(self, openings: "tuple[Opening, ...] | None", cursor: str) -> None:
        """Go on where another has come to."""
        self._openings, self._cursor = openings, cursor

    def is_due(self, moment: FlushCycle) -> bool:
        return (self.has_pending and self.may_update(moment)) or self._is_silent(moment)

    def due_at(self, moment: FlushCycle) -> float:
        silence_s = self.topic.pace.max_silence_s
        at = inf if silence_s is None else self.spoke_at + silence_s
        if self.has_pending:
            at = min(at, self.update_at)
        if self.threshold and (deadline := self.threshold.deadline):
            at = min(at, moment.at + (deadline - moment.now).total_seconds())
        return at

    def next_told(self, moment: FlushCycle) -> ToldT | None:
        if self._openings is None:
            return None
        writer = self.topic.writer
        if self._openings:
            opening, *rest = self._openings
            event = opening(moment)
            self._openings, self._cursor = tuple(rest), event.cursor
            self.note_update(moment)
            return writer.write(event)
        if self.has_pending and self.may_update(moment):
            return self._update(moment)
        if self.threshold and (deadline := self.threshold.deadline) and deadline <= moment.now:
            self.sound_alarm()
            return self.next_told(moment)
        if self._is_silent(moment):
            return writer.write(self._heartbeat(moment))
        return None

    def _begin(self, *openings: Opening) -> None:
        self._openings = openings
        self.go_on()

    def _is_silent(self, moment: FlushCycle) -> bool:
        silence_s = self.topic.pace.max_silence_s
        return silence_s is not None and self.spoke_at + silence_s <= moment.at + EARLY_S

    def _heartbeat(self, moment: FlushCycle) -> RatesEvent:
        self.spoke_at = moment.at
        if not self.has_pending:
            # What is held back has not been told: the cursor must not claim it.
            self._cursor = self._read_cursor(moment)
        return RatesEvent(kind=RatesEventKind.HEARTBEAT, cursor=self._cursor, sent_at=moment.now)

    def _update(self, moment: FlushCycle) -> ToldT:
        if self.threshold:
            self.sound_alarm()
        batch = self.take()
        self.note_update(moment)
        self._cursor = self._read_cursor(moment)
        writer = self.topic.writer
        if self.threshold:
            return writer.write(self._update_event(batch, moment))
        # The very same values, as far as they were merged alike, are the same event for whoever else is told of them now.
        key = (writer, batch.conflated, batch.retracted, *map(id, batch.tickers))
        known = moment.written.get(key)
        if known is None:
            known = moment.written[key] = writer.write(self._update_event(batch, moment)), batch
        told: ToldT = known[0]
        return told

    def _update_event(self, batch: Batch, moment: FlushCycle) -> RatesEvent:
        return RatesEvent(
            kind=RatesEventKind.UPDATE,
            cursor=self._cursor,
            sent_at=moment.now,
            items=tuple([self._rates.to_rate(ticker, moment.now) for ticker in batch.tickers]),
            unavailable=tuple(map(self._rates.explain_unavailable, batch.retracted)),
            conflated=batch.conflated,
        )

    def _read_cursor(self, moment: FlushCycle) -> str:
        """Up to where the readers have been told everything, when nothing is pending."""
        if self.threshold is None:
            return moment.cursor
        return self._rates.cursor(self.threshold.told_up_to(self._mirror.positions))

    def _snapshot(self, moment: FlushCycle, *, recovered: bool | None) -> RatesEvent:
        self.take()
        answer = self._rates.rates(self.topic.query)
        self.note_told(rate.ticker for rate in answer.items)
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=answer.cursor,
            sent_at=moment.now,
            items=answer.items,
            unavailable=answer.unavailable,
            recovered=recovered,
        )

    def _recovered(self, recovery: Recovery) -> RatesEvent:
        self.note_told(recovery.tickers)
        query = self.topic.query
        unavailable = self._rates.rates(query).unavailable
        if query.symbols is None:
            unavailable = (*unavailable, *map(self._rates.explain_unavailable, recovery.gone))
        moment = self._house.rounds.moment()
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=recovery.cursor,
            sent_at=moment.now,
            items=tuple([self._rates.to_rate(ticker, moment.now) for ticker in recovery.tickers]),
            unavailable=unavailable,
            recovered=True,
        )
