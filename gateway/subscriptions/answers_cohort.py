"""Cohorts of live lists of consensuses and conversions, which share their answers."""

from collections.abc import Callable, Iterable
from datetime import datetime
from math import ceil, inf
from typing import Any, Generic, TypeVar

from gateway.subscriptions.answers_event import AnswersEvent
from gateway.subscriptions.cohort import EARLY_S, Cohort, FanOut, LiveQuery, PayloadEncoder
from gateway.subscriptions.consensus_cohort import PHASES
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.event import EventKind
from gateway.subscriptions.flush import FlushCycle
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.live_answer import AnswerReading, LiveAnswer

PayloadT = TypeVar("PayloadT")
Explain = Callable[[tuple[Any, ...]], tuple[Any, ...]]
# The answers follow the instruments, not the cohort.
_NO_INSTRUMENTS = InstrumentFilter(frozenset(), frozenset())


class LiveAnswersQuery(LiveQuery, Generic[PayloadT]):
    """A live list of answers.

    `explain` adds to the unavailable ones of a snapshot what is costly to find.
    """

    __slots__ = ("answers", "encoder", "explain", "positions")

    def __init__(
        self,
        answers: Iterable[LiveAnswer],
        options: DeliveryOptions,
        encoder: PayloadEncoder[AnswersEvent, PayloadT],
        explain: Explain = tuple,
    ) -> None:
        super().__init__(_NO_INSTRUMENTS, options)
        self.answers = tuple(answers)
        self.positions = {answer: position for position, answer in enumerate(self.answers)}
        self.encoder = encoder
        self.explain = explain

    def count_rates(self, _tracked: int) -> int:
        return sum(answer.rate_count for answer in self.answers)


class AnswersCohort(Cohort[PayloadT]):
    """Sends a SNAPSHOT first, then what has changed.

    Its state is what was said last of each answer, and which ones may be others by now. Intervals end as in `ConsensusCohort`.
    """

    __slots__ = ("_changed", "_heartbeat_at", "last_said")
    live_query: LiveAnswersQuery[PayloadT]
    # It receives no tickers.
    can_suspend = False

    def __init__(self, fan_out: FanOut, live_query: LiveAnswersQuery[PayloadT]) -> None:
        super().__init__(fan_out, live_query)
        # Each with the tickers that had arrived for it by then.
        self._changed: dict[LiveAnswer, int] = {}
        # By position; None before the snapshot.
        self.last_said: list[tuple[object, ...]] | None = None
        self._heartbeat_at = inf

    def open(self) -> None:
        """Begin with a snapshot."""
        self.buffer.invalidate()
        self.flush_now()

    def mark_changed(self, answer: LiveAnswer) -> None:
        """Send the answer, if it is another, when the next update may be sent."""
        if answer not in self._changed:
            self._changed[answer] = answer.update_count
            # Once something is pending, the timer or a subscriber that becomes ready flushes.
            if not self.buffer.has_pending:
                self.buffer.invalidate()
                self.mark_dirty()

    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        buffer, due_by = self.buffer, cycle.loop_time + EARLY_S
        payload = None
        if buffer.has_pending and self.next_update_at <= due_by:
            payload = self._snapshot(cycle) if self.last_said is None else self._update(cycle, self.last_said)
        elif self._heartbeat_at <= due_by:
            self._expect_heartbeat(cycle)
            payload = self._encode(
                AnswersEvent(
                    kind=EventKind.HEARTBEAT,
                    sent_at=cycle.now,
                    throttled=self.live_query.options.is_throttled,
                )
            )
        return payload, min(self._heartbeat_at, self.next_update_at if buffer.has_pending else inf)

    def copy(self) -> "AnswersCohort[PayloadT]":
        other = AnswersCohort(self._fan_out, self.live_query)
        other._changed = dict(self._changed)
        other.last_said = None if self.last_said is None else list(self.last_said)
        other._heartbeat_at = self._heartbeat_at
        return other

    def has_same_state(self, other: "Cohort[Any]") -> bool:
        return (
            other.live_query is self.live_query
            and isinstance(other, AnswersCohort)
            and self.last_said is not None
            and self.last_said == other.last_said
        )

    def mark_updated(self, cycle: FlushCycle) -> None:
        super().mark_updated(cycle)
        self._expect_heartbeat(cycle)
        if phase_s := self.live_query.options.sample_interval_s / PHASES:
            self.next_update_at = ceil((self.next_update_at - EARLY_S) / phase_s) * phase_s

    def _expect_heartbeat(self, cycle: FlushCycle) -> None:
        silence_s = self.live_query.options.max_silence_s
        self._heartbeat_at = inf if silence_s is None else cycle.loop_time + silence_s

    def _snapshot(self, cycle: FlushCycle) -> PayloadT:
        readings = [answer.read(cycle.now) for answer in self.live_query.answers]
        self._forget_pending()
        self.last_said = [reading.said for reading in readings]
        self.mark_updated(cycle)
        unavailable = tuple(reading.value for reading in readings if not reading.is_available)
        return self._encode(
            AnswersEvent(
                kind=EventKind.SNAPSHOT,
                sent_at=cycle.now,
                items=tuple(reading for reading in readings if reading.is_available),
                unavailable=self.live_query.explain(unavailable),
                throttled=self.live_query.options.is_throttled,
            )
        )

    def _update(self, cycle: FlushCycle, said: list[tuple[object, ...]]) -> PayloadT | None:
        changed, conflated_count = self._read_changed(cycle.now, said)
        self._forget_pending()
        if not changed:
            return None
        self.mark_updated(cycle)
        readings = [changed[position] for position in sorted(changed)]
        return self._encode(
            AnswersEvent(
                kind=EventKind.UPDATE,
                sent_at=cycle.now,
                items=tuple(reading for reading in readings if reading.is_available),
                unavailable=tuple(reading.value for reading in readings if not reading.is_available),
                conflated_count=conflated_count,
                throttled=self.live_query.options.is_throttled,
            )
        )

    def _read_changed(
        self, now: datetime, said: list[tuple[object, ...]]
    ) -> tuple[dict[int, AnswerReading], int]:
        """Return the answers that are others than those sent last, and the tickers merged into them."""
        found: dict[int, AnswerReading] = {}
        conflated_count = 0
        read: set[LiveAnswer] = set()
        # Reading one may announce that others have changed by time.
        while self._changed:
            answer, update_count = self._changed.popitem()
            if answer in read:
                continue
            read.add(answer)
            reading = answer.read(now)
            position = self.live_query.positions[answer]
            if reading.said is not said[position] and reading.said != said[position]:
                found[position] = reading
                said[position] = reading.said
                conflated_count += answer.update_count - update_count
        return found, conflated_count

    def _forget_pending(self) -> None:
        # Each answer has been read: what was announced meanwhile is in the readings.
        self._changed.clear()
        self.buffer.take()

    def _encode(self, event: AnswersEvent) -> PayloadT:
        return self.live_query.encoder.encode(event)

    def join(self) -> None:
        for answer in self.live_query.answers:
            answer.watch(self)

    def leave(self) -> None:
        for answer in self.live_query.answers:
            answer.unwatch(self)
