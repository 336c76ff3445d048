"""Cohorts of `trades` subscriptions: a SNAPSHOT first, then each trade that follows."""

from math import ceil, inf
from typing import Any, Generic, TypeVar

from gateway.state.recent_trades import RecentTrades
from gateway.state.trade_mirror import TradeMirror
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.consensus_cohort import PHASES
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.trades_event import LiveTradesArgs, TradesEvent, format_trades_cursor

PayloadT = TypeVar("PayloadT")
# It receives no tickers.
_NO_INSTRUMENTS = InstrumentFilter(frozenset(), frozenset())


class LiveTradesQuery(LiveQuery, Generic[PayloadT]):
    """A live `trades` query."""

    __slots__ = ("encoder", "mirror", "query", "trades")

    def __init__(
        self,
        query: LiveTradesArgs,
        trades: RecentTrades,
        mirror: TradeMirror,
        *,
        options: DeliveryOptions,
        encoder: PayloadEncoder[TradesEvent, PayloadT],
    ) -> None:
        super().__init__(_NO_INSTRUMENTS, options)
        self.query, self.trades, self.mirror, self.encoder = query, trades, mirror, encoder

    def count_rates(self, _tracked: int) -> int:
        return 1


class TradesCohort(Cohort[PayloadT]):
    """Its state is the number of the last trade that was sent or left out.

    What is pending is in `RecentTrades`, so that a slow client takes no memory. Intervals end as in `ConsensusCohort`.
    """

    __slots__ = ("_cursor", "_heartbeat_at", "kinds", "position", "recovered")
    live_query: LiveTradesQuery[PayloadT]
    can_suspend = False

    def __init__(self, fan_out: FanOut, live_query: LiveTradesQuery[PayloadT]) -> None:
        super().__init__(fan_out, live_query)
        self.position = 0
        self.kinds: tuple[EventKind, ...] = ()
        """The events that are still to come before all others."""
        self.recovered: bool | None = None
        """What the next SNAPSHOT says of that."""
        # Of the last event.
        self._cursor = ""
        self._heartbeat_at = inf

    def open(self, after: str, number: int | None) -> None:
        """Begin with a SNAPSHOT: of the last trades, or of those after the one with this number."""
        self._cursor = after
        if after and number is None:
            self._begin_after_gap()
        else:
            self.kinds = (EventKind.SNAPSHOT,)
            self.recovered = True if after else None
            self.position = self.live_query.trades.count if number is None else number
        self.flush_now()

    def mark_changed(self) -> None:
        """Send the new trades when the next update may be sent."""
        self.mark_published()
        # Once something is pending, the timer or a subscriber that becomes ready flushes.
        if not self.buffer.has_pending:
            self.buffer.invalidate()
            self.mark_dirty()

    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        buffer, due_by = self.buffer, cycle.loop_time + EARLY_S
        if self.kinds or (buffer.has_pending and self.next_update_at <= due_by):
            continues = not self.kinds or self.recovered
            if continues and self.live_query.trades.last_gap > self.position:
                self._begin_after_gap()
            if self.kinds:
                return self._open_next(cycle), -inf
            return self._update(cycle), self._heartbeat_at
        payload = None
        if self._heartbeat_at <= due_by:
            self._expect_heartbeat(cycle)
            payload = self._encode(
                TradesEvent(kind=EventKind.HEARTBEAT, cursor=self._cursor, sent_at=cycle.now)
            )
        return payload, min(self._heartbeat_at, self.next_update_at if buffer.has_pending else inf)

    def copy(self) -> "TradesCohort[PayloadT]":
        other = TradesCohort(self._fan_out, self.live_query)
        other.position, other.kinds, other.recovered = self.position, self.kinds, self.recovered
        other._cursor, other._heartbeat_at = self._cursor, self._heartbeat_at
        return other

    def has_same_state(self, other: "Cohort[Any]") -> bool:
        return (
            other.live_query is self.live_query
            and isinstance(other, TradesCohort)
            and not (self.kinds or other.kinds)
            and self.position == other.position
        )

    def mark_updated(self, cycle: FlushCycle) -> None:
        super().mark_updated(cycle)
        self._expect_heartbeat(cycle)
        if phase_s := self.live_query.options.sample_interval_s / PHASES:
            self.next_update_at = ceil((self.next_update_at - EARLY_S) / phase_s) * phase_s

    def join(self) -> None:
        trades = self.live_query.trades
        self.live_query.mirror.hold(trades)
        trades.watchers[self] = None

    def leave(self) -> None:
        trades = self.live_query.trades
        if trades.watchers.pop(self, self) is None:
            self.live_query.mirror.release(trades)

    def _begin_after_gap(self) -> None:
        self.kinds, self.recovered = (EventKind.GAP, EventKind.SNAPSHOT), False

    def _expect_heartbeat(self, cycle: FlushCycle) -> None:
        silence_s = self.live_query.options.max_silence_s
        self._heartbeat_at = inf if silence_s is None else cycle.loop_time + silence_s

    def _open_next(self, cycle: FlushCycle) -> PayloadT:
        kind, *rest = self.kinds
        self.kinds = tuple(rest)
        self.mark_updated(cycle)
        if kind is EventKind.GAP:
            # With the old cursor: a client that leaves before the snapshot has still missed the same.
            return self._encode(TradesEvent(kind=kind, cursor=self._cursor, sent_at=cycle.now))
        return self._snapshot(cycle)

    def _snapshot(self, cycle: FlushCycle) -> PayloadT:
        trades, conflated_count = self.live_query.trades, 0
        if self.recovered:
            conflated_count, items = trades.read_after(self.position)
        else:
            items = trades.read_last(self.live_query.query.last)
        self._move(trades)
        return self._encode(
            TradesEvent(
                kind=EventKind.SNAPSHOT,
                cursor=self._cursor,
                sent_at=cycle.now,
                items=items,
                conflated_count=conflated_count,
                recovered=self.recovered,
            )
        )

    def _update(self, cycle: FlushCycle) -> PayloadT | None:
        trades, position = self.live_query.trades, self.position
        conflated_count, items = trades.read_after(position)
        self._move(trades)
        if not items:
            return None
        self.mark_updated(cycle)
        # The very same trades make the same payload for every cohort with this encoder.
        key = (self.live_query.encoder, trades, position, self.position)
        known = cycle.payloads.get(key)
        if known is not None:
            shared: PayloadT = known[0]
            return shared
        payload = self._encode(
            TradesEvent(
                kind=EventKind.UPDATE,
                cursor=self._cursor,
                sent_at=cycle.now,
                items=items,
                conflated_count=conflated_count,
            )
        )
        cycle.payloads[key] = payload, items
        return payload

    def _move(self, trades: RecentTrades) -> None:
        """Be where the trades are: everything up to there is sent or left out."""
        self.position = trades.count
        self._cursor = format_trades_cursor(trades.key, trades.last_id)
        self.buffer.take()

    def _encode(self, event: TradesEvent) -> PayloadT:
        return self.live_query.encoder.encode(event)
