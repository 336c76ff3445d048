"""Cohorts of `candles` subscriptions: a SNAPSHOT first, then the candles that have changed."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil, inf
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.queries.candles.candle_list import SeriesCandle
from gateway.queries.rate import UnavailableRate
from gateway.subscriptions.candles_event import CandlesEvent, LiveCandlesArgs, format_bars_cursor
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.consensus_cohort import PHASES
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.live_series import HELD, LiveSeries
from history.candle import CandleState

PayloadT = TypeVar("PayloadT")
Pages = Mapping[LiveSeries, Sequence[SeriesCandle]]
# It receives no tickers.
_NO_INSTRUMENTS = InstrumentFilter(frozenset(), frozenset())


class LiveCandlesQuery(LiveQuery, Generic[PayloadT]):
    """A live `candles` query. Its series are found once, under the lock."""

    __slots__ = ("encoder", "lock", "positions", "query", "series", "unavailable")

    def __init__(
        self,
        query: LiveCandlesArgs,
        options: DeliveryOptions,
        encoder: PayloadEncoder[CandlesEvent, PayloadT],
    ) -> None:
        super().__init__(_NO_INSTRUMENTS, options)
        self.query, self.encoder = query, encoder
        self.lock = asyncio.Lock()
        self.series: tuple[LiveSeries, ...] | None = None
        self.positions: dict[LiveSeries, int] = {}
        self.unavailable: tuple[UnavailableRate, ...] = ()

    def count_rates(self, _tracked: int) -> int:
        return len(self.query.symbols)

    def set_series(self, series: Sequence[LiveSeries], unavailable: Sequence[UnavailableRate]) -> None:
        """Set the series, in the order of the symbols, and the symbols without one."""
        self.series, self.unavailable = tuple(series), tuple(unavailable)
        self.positions = {each: position for position, each in enumerate(series)}


class CandlesOpening(NamedTuple):
    """The beginning of a subscription: candles before those that may still change.

    `after`: the cursor after which it resumes. `since`: the time of the cursor; `None` without one. `is_proved`: nothing was missed since.
    """

    pages: Pages
    after: str = ""
    since: datetime | None = None
    is_proved: bool = False


class CandlesCohort(Cohort[PayloadT]):
    """Its state is what was said last of each series.

    A candle that closes does not wait for the interval. Intervals end as in `ConsensusCohort`.
    """

    __slots__ = ("_changed", "_cursor", "_heartbeat_at", "_opening", "kinds", "last_said", "losses")
    live_query: LiveCandlesQuery[PayloadT]
    can_suspend = False

    def __init__(self, fan_out: FanOut, live_query: LiveCandlesQuery[PayloadT]) -> None:
        super().__init__(fan_out, live_query)
        # Each with the batches that had come by then.
        self._changed: dict[LiveSeries, int] = {}
        self._opening: CandlesOpening | None = None
        self.kinds: tuple[EventKind, ...] = ()
        """The events that are still to come before all others."""
        # By position.
        self.last_said: list[tuple[SeriesCandle, ...]] = []
        self.losses: list[int] = []
        self._cursor = ""
        self._heartbeat_at = inf

    def open(self, opening: CandlesOpening) -> None:
        """Begin with a SNAPSHOT, after a GAP if something may have been missed."""
        self._opening, self._cursor = opening, opening.after
        is_gap = opening.since is not None and not opening.is_proved
        self.kinds = (EventKind.GAP, EventKind.SNAPSHOT) if is_gap else (EventKind.SNAPSHOT,)
        self.flush_now()

    def mark_changed(self, series: LiveSeries, *, is_closing: bool) -> None:
        """Send what has changed when the next update may be sent; at once if a candle has closed."""
        self.mark_published()
        self._changed.setdefault(series, series.update_count)
        is_closing = is_closing and not self.live_query.options.is_throttled
        if is_closing:
            self.next_update_at = -inf
        # Once something is pending, the timer or a subscriber that becomes ready flushes.
        if is_closing or not self.buffer.has_pending:
            self.buffer.invalidate()
            self.mark_dirty()

    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        if self.kinds:
            return self._open_next(cycle), -inf
        buffer, due_by = self.buffer, cycle.loop_time + EARLY_S
        payload = None
        if buffer.has_pending and self.next_update_at <= due_by:
            if self._has_lost():
                self.kinds = (EventKind.GAP, EventKind.SNAPSHOT)
                return self._open_next(cycle), -inf
            payload = self._update(cycle)
        elif self._heartbeat_at <= due_by:
            self._expect_heartbeat(cycle)
            if not buffer.has_pending:
                # The cursor must not claim what is pending.
                self._cursor = self._current_cursor()
            payload = self._encode(self._make_event(EventKind.HEARTBEAT, cycle))
        return payload, min(self._heartbeat_at, self.next_update_at if buffer.has_pending else inf)

    def copy(self) -> "CandlesCohort[PayloadT]":
        other = CandlesCohort(self._fan_out, self.live_query)
        other._changed, other._opening, other.kinds = dict(self._changed), self._opening, self.kinds
        other.last_said, other.losses = list(self.last_said), list(self.losses)
        other._cursor, other._heartbeat_at = self._cursor, self._heartbeat_at
        return other

    def has_same_state(self, other: "Cohort[Any]") -> bool:
        return (
            other.live_query is self.live_query
            and isinstance(other, CandlesCohort)
            and not (self.kinds or other.kinds)
            and self.last_said == other.last_said
            and self.losses == other.losses
        )

    def mark_updated(self, cycle: FlushCycle) -> None:
        super().mark_updated(cycle)
        self._expect_heartbeat(cycle)
        if phase_s := self.live_query.options.sample_interval_s / PHASES:
            self.next_update_at = ceil((self.next_update_at - EARLY_S) / phase_s) * phase_s

    def join(self) -> None:
        for series in self.live_query.series or ():
            series.watch(self)

    def leave(self) -> None:
        for series in self.live_query.series or ():
            series.unwatch(self)

    def _expect_heartbeat(self, cycle: FlushCycle) -> None:
        silence_s = self.live_query.options.max_silence_s
        self._heartbeat_at = inf if silence_s is None else cycle.loop_time + silence_s

    def _make_event(self, kind: EventKind, cycle: FlushCycle) -> CandlesEvent:
        """Return an event without candles."""
        throttled = self.live_query.options.is_throttled
        return CandlesEvent(kind=kind, cursor=self._cursor, sent_at=cycle.now, throttled=throttled)

    def _open_next(self, cycle: FlushCycle) -> PayloadT:
        kind, *rest = self.kinds
        self.kinds = tuple(rest)
        self.mark_updated(cycle)
        if kind is EventKind.GAP:
            # With the old cursor: a client that leaves before the snapshot has still missed the same.
            return self._encode(self._make_event(kind, cycle))
        return self._encode(self._snapshot(cycle))

    def _snapshot(self, cycle: FlushCycle) -> CandlesEvent:
        series = self.live_query.series or ()
        self._forget_pending()
        self.last_said = [each.read(cycle.now) for each in series]
        self.losses = [each.losses for each in series]
        self._cursor = self._current_cursor()
        opening, self._opening = self._opening, None
        items: list[SeriesCandle] = []
        for each, said in zip(series, self.last_said, strict=True):
            items += said if opening is None else self._select(opening, each, said)
        recovered = opening.is_proved if opening is not None and opening.since is not None else None
        return CandlesEvent(
            kind=EventKind.SNAPSHOT,
            cursor=self._cursor,
            sent_at=cycle.now,
            items=tuple(items),
            unavailable=self.live_query.unavailable,
            recovered=False if opening is None else recovered,
            throttled=self.live_query.options.is_throttled,
        )

    def _select(
        self, opening: CandlesOpening, series: LiveSeries, said: tuple[SeriesCandle, ...]
    ) -> list[SeriesCandle]:
        """Return the candles of a series that a subscription begins with."""
        first = said[0].candle.open_time
        before = [one for one in opening.pages.get(series, ()) if one.candle.open_time < first]
        if before and before[-1].candle.close_time != first:
            # It was not ready for so long that others have closed between them.
            before = []
        candles = [*before, *said]
        if opening.since is not None and opening.is_proved:
            since = opening.since
            return [
                one for one in candles if one.candle.close_time > since - HELD or one.candle.known_at > since
            ]
        closed = sum(one.candle.state is not CandleState.FORMING for one in candles)
        return candles[max(0, closed - self.live_query.query.last) :]

    def _has_lost(self) -> bool:
        return self.losses != [each.losses for each in self.live_query.series or ()]

    def _update(self, cycle: FlushCycle) -> PayloadT | None:
        items, conflated_count = self._read_changed(cycle.now)
        self._forget_pending()
        if not items:
            return None
        self.mark_updated(cycle)
        self._cursor, encoder = self._current_cursor(), self.live_query.encoder
        # The very same candles, merged alike, make the same payload for every cohort with this encoder.
        key = (encoder, self.live_query.options.is_throttled, conflated_count, self._cursor, *map(id, items))
        known = cycle.payloads.get(key)
        if known is not None:
            shared: PayloadT = known[0]
            return shared
        payload = self._encode(
            CandlesEvent(
                kind=EventKind.UPDATE,
                cursor=self._cursor,
                sent_at=cycle.now,
                items=items,
                conflated_count=conflated_count,
                throttled=self.live_query.options.is_throttled,
            )
        )
        cycle.payloads[key] = payload, items
        return payload

    def _read_changed(self, now: datetime) -> tuple[tuple[SeriesCandle, ...], int]:
        """Return the candles that are others than those sent last, and the batches merged into them."""
        items: list[SeriesCandle] = []
        conflated_count = 0
        for series in sorted(self._changed, key=self.live_query.positions.__getitem__):
            position = self.live_query.positions[series]
            said = series.read(now)
            known = set(map(id, self.last_said[position]))
            changed = [one for one in said if id(one) not in known]
            self.last_said[position] = said
            if changed:
                items += changed
                conflated_count += series.update_count - self._changed[series]
        return tuple(items), conflated_count

    def _forget_pending(self) -> None:
        self._changed.clear()
        self.buffer.take()

    def _current_cursor(self) -> str:
        return format_bars_cursor(each.bars.applied_at for each in self.live_query.series or ())

    def _encode(self, event: CandlesEvent) -> PayloadT:
        return self.live_query.encoder.encode(event)
