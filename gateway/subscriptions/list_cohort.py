"""Cohorts of `rates` subscriptions: choose the event that is due and its cursor."""

from collections.abc import Callable
from datetime import timedelta
from math import inf
from typing import Generic, TypeVar

from gateway.queries.rate import Rate
from gateway.queries.rate_reader import RateReader
from gateway.queries.rates_query import ANY_AGE, FreshnessPolicy, OnStale, RatesQuery
from gateway.state.mirror import Mirror
from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind, RatesEvent
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.resume import Recovery

PayloadT = TypeVar("PayloadT")
# Of one live query in one cycle: after a restart most clients come back with the same cursor.
MAX_OPENINGS = 8
# Longer than any observation is kept: subscriptions limit the age of the trade only.
_ANY = timedelta(days=3_650)


class LiveRatesQuery(LiveQuery, Generic[PayloadT]):
    """A live `rates` query."""

    __slots__ = ("_openings", "_openings_cycle", "encoder", "is_throttled", "policy", "query")

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
        self.is_throttled = options.is_throttled
        max_trade_age = options.max_trade_age
        self.policy = ANY_AGE if max_trade_age is None else FreshnessPolicy(_ANY, OnStale.OMIT, max_trade_age)
        """What a rate must satisfy to be sent."""
        self._openings: dict[str | bool | None, Opened[PayloadT]] = {}
        self._openings_cycle: FlushCycle | None = None

    def find_opening(self, cycle: FlushCycle, begun: str | bool | None) -> "Opened[PayloadT] | None":
        """Return the first event of another subscriber that began alike in this cycle.

        Its payload is the second item. `begun` is the cursor of one that missed something since, or else `recovered` of its snapshot.
        """
        return self._openings.get(begun) if self._openings_cycle is cycle else None

    def keep_opening(self, cycle: FlushCycle, begun: str | bool | None, opened: "Opened[PayloadT]") -> None:
        """Let others that begin alike in this cycle have it."""
        if self.options.min_change_bps:
            # The filter of each has to see what it is sent.
            return
        if self._openings_cycle is not cycle:
            self._openings, self._openings_cycle = {}, cycle
        if len(self._openings) < MAX_OPENINGS:
            self._openings[begun] = opened


Opened = tuple[RatesEvent, PayloadT]
Opening = Callable[[FlushCycle], Opened[PayloadT]]


class ListCohort(Cohort[PayloadT]):
    """Sends its openings first, one event each; the last of them is a SNAPSHOT."""

    __slots__ = ("_cursor", "_heartbeat_at", "_mirror", "_openings", "_rates")
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
        self._openings: tuple[Opening[PayloadT], ...] | None = None
        self._cursor = ""
        # Loop time of the next heartbeat, if nothing is sent before.
        self._heartbeat_at = -inf

    def open(self) -> None:
        """Begin with a snapshot."""
        self._begin(lambda cycle: self._snapshot(cycle, recovered=None))

    def open_after(self, cursor: str, recover: Callable[[], Recovery | None]) -> None:
        """Begin with what was missed since `cursor`, which `recover` returns.

        If it returns `None`, begin with a GAP. A GAP repeats the old cursor: a client that leaves before the snapshot has still missed the same.
        """
        joining = self._fan_out.scheduler.joining_cycle()
        opened = self.live_query.find_opening(joining, cursor)
        if opened is not None:
            known = opened
            self._begin(lambda _: known)
        elif (recovery := recover()) is not None:
            event = self._recovered(recovery, joining)
            self._begin(lambda _: self._encode_shared(event, joining, cursor))
        else:
            self._begin(
                lambda cycle: self._encode(self._make_event(EventKind.GAP, cycle, cursor)),
                lambda cycle: self._snapshot(cycle, recovered=False),
            )

    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        if self._openings is None:
            return None, inf
        if self._openings:
            return self._open_next(cycle, self._openings), -inf
        buffer, due_by = self.buffer, cycle.loop_time + EARLY_S
        min_change_filter = buffer.min_change_filter
        if min_change_filter is not None:
            # First: released tickers are part of the update.
            buffer.release_due()
        payload = None
        if buffer.has_pending and self.next_update_at <= due_by:
            payload = self._update(cycle)
        elif self._heartbeat_at <= due_by:
            payload = self.live_query.encoder.encode(self._heartbeat(cycle))
        at = self._heartbeat_at
        if buffer.has_pending and self.next_update_at < at:
            at = self.next_update_at
        if min_change_filter is not None and (refresh_at := min_change_filter.deadline):
            at = min(at, cycle.loop_time + (refresh_at - cycle.now).total_seconds())
        return payload, at

    def _end_if_empty(self) -> None:
        super()._end_if_empty()
        if not self.subscribers:
            # They refer to the cohort, which would be kept until the next collection of garbage.
            self._openings = None

    def copy(self) -> "ListCohort[PayloadT]":
        other = ListCohort(self._fan_out, self.live_query, self._rates, self._mirror, None)
        other._openings, other._cursor = self._openings, self._cursor
        other._heartbeat_at = self._heartbeat_at
        return other

    def has_same_state(self, other: "Cohort[PayloadT]") -> bool:
        return other.live_query is self.live_query

    def _begin(self, *openings: Opening[PayloadT]) -> None:
        self._openings = openings
        self.flush(self._fan_out.scheduler.joining_cycle())

    def _open_next(self, cycle: FlushCycle, openings: tuple[Opening[PayloadT], ...]) -> PayloadT:
        opening, *rest = openings
        event, payload = opening(cycle)
        self._openings, self._cursor = tuple(rest), event.cursor
        self.mark_updated(cycle)
        return payload

    def _encode(self, event: RatesEvent) -> Opened[PayloadT]:
        return event, self.live_query.encoder.encode(event)

    def _encode_shared(
        self, event: RatesEvent, cycle: FlushCycle, begun: str | bool | None
    ) -> Opened[PayloadT]:
        """Encode the first event, of the moment at which `cycle` began, also for others."""
        opened = self._encode(event)
        self.live_query.keep_opening(cycle, begun, opened)
        return opened

    def mark_updated(self, cycle: FlushCycle) -> None:
        # As in `Cohort`, in one call: it is on the way of every update.
        loop_time, options = cycle.loop_time, self.live_query.options
        self.updated_at = loop_time
        self.next_update_at = loop_time + options.sample_interval_s
        self._heartbeat_at = inf if options.max_silence_s is None else loop_time + options.max_silence_s

    def _make_event(self, kind: EventKind, cycle: FlushCycle, cursor: str) -> RatesEvent:
        """Return an event without rates."""
        throttled = self.live_query.is_throttled
        return RatesEvent(kind=kind, cursor=cursor, sent_at=cycle.now, throttled=throttled)

    def _heartbeat(self, cycle: FlushCycle) -> RatesEvent:
        silence_s = self.live_query.options.max_silence_s
        self._heartbeat_at = inf if silence_s is None else cycle.loop_time + silence_s
        if not self.buffer.has_pending:
            # The cursor must not claim what is pending.
            self._cursor = self._current_cursor(cycle)
        return self._make_event(EventKind.HEARTBEAT, cycle, self._cursor)

    def _update(self, cycle: FlushCycle) -> PayloadT | None:
        self.mark_updated(cycle)
        buffer, encoder, policy, key = self.buffer, self.live_query.encoder, self.live_query.policy, None
        batch = buffer.take()
        tickers, is_throttled = batch.tickers, self.live_query.is_throttled
        if buffer.min_change_filter is None:
            # The very same tickers, merged alike, make the same payload for every cohort with this encoder.
            ids = id(tickers[0]) if len(tickers) == 1 else tuple(map(id, tickers))
            key = (encoder, is_throttled, id(policy), batch.conflated, batch.retracted, ids)
            known = cycle.payloads.get(key)
            if known is not None and cycle.cursor is not None:
                self._cursor = cycle.cursor
                shared: PayloadT = known[0]
                return shared
        items = self._rates.to_rates(tickers, cycle.now)
        if buffer.min_change_filter is not None:
            self._cursor = self._current_cursor(cycle)
        else:
            # As in `_current_cursor`, in one call.
            if cycle.cursor is None:
                cycle.cursor = self._rates.cursor()
            self._cursor = cycle.cursor
        if policy is not ANY_AGE:
            items = self._allowed(items)
        if not items and not batch.retracted:
            # The last trades of all are too old for this subscription.
            return None
        payload = encoder.encode(
            RatesEvent(
                kind=EventKind.UPDATE,
                cursor=self._cursor,
                sent_at=cycle.now,
                items=items,
                unavailable=tuple(map(self._rates.resolver.explain_unavailable, batch.retracted))
                if batch.retracted
                else (),
                conflated_count=batch.conflated,
                throttled=is_throttled,
            )
        )
        if key:
            cycle.payloads[key] = payload, batch
        return payload

    def _allowed(self, rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
        """Return the rates that the subscription wants: all, or those with a recent trade."""
        policy = self.live_query.policy
        return rates if policy is ANY_AGE else tuple(rate for rate in rates if policy.allows(rate))

    def _current_cursor(self, cycle: FlushCycle) -> str:
        """The position up to which everything was sent, given that nothing is pending."""
        if self.buffer.min_change_filter:
            return self._rates.cursor(self.buffer.min_change_filter.sent_positions(self._mirror.positions))
        if cycle.cursor is None:
            cycle.cursor = self._rates.cursor()
        return cycle.cursor

    def _snapshot(self, cycle: FlushCycle, *, recovered: bool | None) -> Opened[PayloadT]:
        self.buffer.take()
        known = self.live_query.find_opening(cycle, recovered)
        if known is not None:
            return known
        found = self._rates.rates(self.live_query.query, self.live_query.policy)
        if self.buffer.min_change_filter:
            self.buffer.min_change_filter.mark_sent(rate.ticker for rate in found.items)
        event = RatesEvent(
            kind=EventKind.SNAPSHOT,
            cursor=found.cursor,
            sent_at=cycle.now,
            items=found.items,
            unavailable=found.unavailable,
            recovered=recovered,
            throttled=self.live_query.is_throttled,
        )
        return self._encode_shared(event, cycle, recovered)

    def _recovered(self, recovery: Recovery, cycle: FlushCycle) -> RatesEvent:
        if self.buffer.min_change_filter:
            self.buffer.min_change_filter.mark_sent(recovery.tickers)
        query = self.live_query.query
        # As in updates, values whose last trade is too old are left out.
        unavailable = () if recovery.is_complete else self._rates.unavailable(query)
        if query.symbols is None:
            unavailable = (*unavailable, *map(self._rates.resolver.explain_unavailable, recovery.removed))
        return RatesEvent(
            kind=EventKind.SNAPSHOT,
            cursor=recovery.cursor,
            sent_at=cycle.now,
            items=self._allowed(self._rates.to_rates(recovery.tickers, cycle.now)),
            unavailable=unavailable,
            recovered=True,
            throttled=self.live_query.is_throttled,
        )
