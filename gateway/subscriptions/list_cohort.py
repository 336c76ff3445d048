"""Cohorts of `rates` subscriptions: which event is due when, and the cursor that it may carry."""

from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import RatesQuery
from gateway.state.mirror import Mirror
from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.conflation import Batch
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import RatesEvent, RatesEventKind
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.registry import InstrumentFilter
from gateway.subscriptions.resume import Recovery

PayloadT = TypeVar("PayloadT")


class LiveRatesQuery(LiveQuery, Generic[PayloadT]):
    """A live `rates` query."""

    __slots__ = ("encoder", "query")

    def __init__(
        self,
        query: RatesQuery,
        instruments: InstrumentFilter,
        options: DeliveryOptions,
        encoder: PayloadEncoder[RatesEvent, PayloadT],
    ) -> None:
        super().__init__(instruments, options)
        self.query = query
        self.encoder = encoder


Opening = Callable[[FlushCycle], RatesEvent]


class ListCohort(Cohort[PayloadT]):
    """Sends its openings first, one event each; the last of them is a SNAPSHOT."""

    __slots__ = ("_cursor", "_mirror", "_openings", "_rates", "_sent_at")
    live_query: LiveRatesQuery[PayloadT]

    def __init__(
        self,
        fan_out: FanOut,
        live_query: LiveRatesQuery[PayloadT],
        rates: RateReader,
        mirror: Mirror,
        min_change_filter: MinChangeFilter | None,
    ) -> None:
        super().__init__(fan_out, live_query, min_change_filter)
        self._rates = rates
        self._mirror = mirror
        # None until it is known how the subscription begins.
        self._openings: tuple[Opening, ...] | None = None
        self._cursor = ""
        # Loop time of the last event, heartbeats included.
        self._sent_at = -inf

    def open(self) -> None:
        """Begin with a snapshot."""
        self._begin(lambda cycle: self._snapshot(cycle, recovered=None))

    def open_recovered(self, recovery: Recovery) -> None:
        """Begin with what was missed."""
        event = self._recovered(recovery)
        self._begin(lambda _: event)

    def open_after_gap(self, cursor: str) -> None:
        """Begin with a GAP. It repeats the old cursor: a client that leaves before the snapshot has still missed the same."""
        self._begin(
            lambda cycle: RatesEvent(kind=RatesEventKind.GAP, cursor=cursor, sent_at=cycle.now),
            lambda cycle: self._snapshot(cycle, recovered=False),
        )

    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        if self._openings is None:
            return None, inf
        if self._openings:
            return self._open_next(cycle, self._openings), -inf
        buffer, due_by = self.buffer, cycle.loop_time + EARLY_S
        if (
            buffer.min_change_filter
            and (refresh_at := buffer.min_change_filter.deadline)
            and refresh_at <= cycle.now
        ):
            buffer.release_due()
        payload = None
        if buffer.has_pending and self.next_update_at <= due_by:
            payload = self._update(cycle)
        elif self._heartbeat_at() <= due_by:
            payload = self.live_query.encoder.encode(self._heartbeat(cycle))
        return payload, self._next_deadline(cycle)

    def copy(self) -> "ListCohort[PayloadT]":
        other = ListCohort(self._fan_out, self.live_query, self._rates, self._mirror, None)
        other._openings, other._cursor, other._sent_at = self._openings, self._cursor, self._sent_at
        return other

    def has_same_state(self, other: "Cohort[PayloadT]") -> bool:
        return other.live_query is self.live_query

    def _begin(self, *openings: Opening) -> None:
        self._openings = openings
        self.flush_now()

    def _open_next(self, cycle: FlushCycle, openings: tuple[Opening, ...]) -> PayloadT:
        opening, *rest = openings
        event = opening(cycle)
        self._openings, self._cursor = tuple(rest), event.cursor
        self._mark_sent(cycle)
        return self.live_query.encoder.encode(event)

    def _mark_sent(self, cycle: FlushCycle) -> None:
        self.mark_updated(cycle)
        self._sent_at = cycle.loop_time

    def _heartbeat_at(self) -> float:
        silence_s = self.live_query.options.max_silence_s
        return inf if silence_s is None else self._sent_at + silence_s

    def _next_deadline(self, cycle: FlushCycle) -> float:
        at = self._heartbeat_at()
        if self.buffer.has_pending:
            at = min(at, self.next_update_at)
        if (min_change_filter := self.buffer.min_change_filter) and (deadline := min_change_filter.deadline):
            at = min(at, cycle.loop_time + (deadline - cycle.now).total_seconds())
        return at

    def _heartbeat(self, cycle: FlushCycle) -> RatesEvent:
        self._sent_at = cycle.loop_time
        if not self.buffer.has_pending:
            # The cursor must not claim what is pending.
            self._cursor = self._current_cursor(cycle)
        return RatesEvent(kind=RatesEventKind.HEARTBEAT, cursor=self._cursor, sent_at=cycle.now)

    def _update(self, cycle: FlushCycle) -> PayloadT:
        self.buffer.release_due()
        batch = self.buffer.take()
        self._mark_sent(cycle)
        self._cursor = self._current_cursor(cycle)
        encoder = self.live_query.encoder
        if self.buffer.min_change_filter:
            return encoder.encode(self._update_event(batch, cycle))
        # The very same tickers, merged alike, make the same payload for every cohort with this encoder.
        key = (encoder, batch.conflated, batch.retracted, *map(id, batch.tickers))
        known = cycle.payloads.get(key)
        if known is None:
            known = cycle.payloads[key] = encoder.encode(self._update_event(batch, cycle)), batch
        payload: PayloadT = known[0]
        return payload

    def _update_event(self, batch: Batch, cycle: FlushCycle) -> RatesEvent:
        return RatesEvent(
            kind=RatesEventKind.UPDATE,
            cursor=self._cursor,
            sent_at=cycle.now,
            items=tuple([self._rates.to_rate(ticker, cycle.now) for ticker in batch.tickers]),
            unavailable=tuple(map(self._rates.explain_unavailable, batch.retracted)),
            conflated=batch.conflated,
        )

    def _current_cursor(self, cycle: FlushCycle) -> str:
        """The position up to which everything was sent, given that nothing is pending."""
        if self.buffer.min_change_filter:
            return self._rates.cursor(self.buffer.min_change_filter.sent_positions(self._mirror.positions))
        if cycle.cursor is None:
            cycle.cursor = self._rates.cursor()
        return cycle.cursor

    def _snapshot(self, cycle: FlushCycle, *, recovered: bool | None) -> RatesEvent:
        self.buffer.take()
        found = self._rates.rates(self.live_query.query)
        if self.buffer.min_change_filter:
            self.buffer.min_change_filter.mark_sent(rate.ticker for rate in found.items)
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=found.cursor,
            sent_at=cycle.now,
            items=found.items,
            unavailable=found.unavailable,
            recovered=recovered,
        )

    def _recovered(self, recovery: Recovery) -> RatesEvent:
        if self.buffer.min_change_filter:
            self.buffer.min_change_filter.mark_sent(recovery.tickers)
        query = self.live_query.query
        unavailable = self._rates.rates(query).unavailable
        if query.symbols is None:
            unavailable = (*unavailable, *map(self._rates.explain_unavailable, recovery.removed))
        cycle = self._fan_out.scheduler.new_cycle()
        return RatesEvent(
            kind=RatesEventKind.SNAPSHOT,
            cursor=recovery.cursor,
            sent_at=cycle.now,
            items=tuple([self._rates.to_rate(ticker, cycle.now) for ticker in recovery.tickers]),
            unavailable=unavailable,
            recovered=True,
        )
