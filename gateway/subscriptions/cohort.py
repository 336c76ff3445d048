"""Cohorts: subscribers with the same query and the same state share buffer and payloads.

A cohort has no task and no queue. `gateway.subscriptions.registry` puts tickers into its buffer; the next flush cycle
(`gateway.subscriptions.flush`) or its timer polls it and delivers the payload to its subscribers. A subscriber that is not
ready is split off into a cohort of its own with a copy of the buffer. Once both have sent everything in the same cycle, they
are merged again. A cohort that cannot send is suspended: it receives no tickers, and reads what it has missed once it can
(`gateway.subscriptions.change_log`).
"""

import asyncio
from abc import ABC, abstractmethod
from math import inf
from typing import Any, Generic, TypeVar
from typing import Protocol as Role

from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.change_log import Suspension
from gateway.subscriptions.conflation import ConflationBuffer
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle, FlushScheduler
from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.ticker import Ticker, TickerKey

# Timers may fire early by this much, seconds.
EARLY_S = 1e-6
# What a cohort may deliver to in one step: about 5 ms, or 30 ms for the largest payloads.
MAX_SUBSCRIBERS = 1_000

ValueT = TypeVar("ValueT")
ValueT_contra = TypeVar("ValueT_contra", contravariant=True)
PayloadT = TypeVar("PayloadT")
PayloadT_co = TypeVar("PayloadT_co", covariant=True)
PayloadT_contra = TypeVar("PayloadT_contra", contravariant=True)


class Subscriber(Role[PayloadT_contra]):
    """A receiver of payloads. `cohort` is the cohort that it belongs to at present."""

    cohort: "Cohort[Any] | None"

    @property
    def client(self) -> object:
        """The connection that it belongs to.

        The time of one turn of the event loop is divided among connections, not among their subscriptions.
        """
        ...

    @property
    def consuming_s(self) -> float:
        """About the CPU time that its consumer takes after each delivery."""
        ...

    def is_ready(self) -> bool:
        """Whether a payload can be delivered now."""
        ...

    def notify_when_ready(self) -> None:
        """Call `cohort.flush_now` as soon as a payload can be delivered."""
        ...

    def deliver(self, payload: PayloadT_contra) -> None:
        """Accept a payload without blocking. Called only when ready."""
        ...

    def fail(self, error: Exception) -> None:
        """End the subscription with an error. Nothing more will be delivered."""
        ...


class PayloadEncoder(Role[ValueT_contra, PayloadT_co]):
    """Encodes values into the payloads of subscribers."""

    def encode(self, value: ValueT_contra) -> PayloadT_co:
        """The payload of a value."""
        ...


class IdentityEncoder(Generic[ValueT]):
    """An encoder for subscribers that want the plain values."""

    @staticmethod
    def encode(value: ValueT) -> ValueT:
        return value


class LiveQuery:
    """A query, its options and its encoder: one object for all that may share payloads."""

    __slots__ = ("__weakref__", "instruments", "merge_cycle", "merge_target", "options")

    def __init__(self, instruments: InstrumentFilter, options: DeliveryOptions) -> None:
        self.instruments = instruments
        self.options = options
        self.merge_target: Cohort[Any] | None = None
        """The first cohort that sent everything in the cycle `merge_cycle`: others that do so too may merge into it."""
        self.merge_cycle = 0

    def count_rates(self, tracked: int) -> int:
        """The rates in the query, with so many tracked instruments."""
        symbols = self.instruments.symbols
        return tracked if symbols is None else len(symbols)


class FanOut:
    """The registry and the scheduler shared by all cohorts of a gateway."""

    def __init__(self, registry: SubscriptionRegistry, scheduler: FlushScheduler) -> None:
        self.registry = registry
        self.scheduler = scheduler


class Cohort(ABC, Generic[PayloadT]):
    """At least one subscriber, or the cohort ends.

    Subclasses compute payloads; `copy` and `has_same_state` cover their state.
    """

    __slots__ = (
        "__weakref__",
        "_deadline",
        "_fan_out",
        "_is_dirty",
        "_timer",
        "_timer_at",
        "buffer",
        "live_query",
        "next_update_at",
        "subscribers",
        "suspension",
        "updated_at",
    )

    can_suspend = True
    """Whether it receives tickers, which it can read later."""

    def __init__(
        self, fan_out: FanOut, live_query: LiveQuery, min_change_filter: MinChangeFilter | None = None
    ) -> None:
        self.live_query = live_query
        self.buffer = ConflationBuffer(min_change_filter)
        self.subscribers: dict[Subscriber[PayloadT], None] = {}
        self.updated_at = -inf
        """Loop time of the last update."""
        self.next_update_at = -inf
        """Loop time from which the next update may be sent."""
        self._deadline = -inf
        self._fan_out = fan_out
        self._is_dirty = False
        self.suspension: Suspension | None = None
        """Set while the buffer receives no tickers."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    @abstractmethod
    def poll(self, cycle: FlushCycle) -> tuple[PayloadT | None, float]:
        """The payload that is due, if any, and the loop time of the next poll (`inf`: never)."""

    @abstractmethod
    def copy(self) -> "Cohort[PayloadT]":
        """A cohort with the same live query and state, without subscribers and buffer."""

    @abstractmethod
    def has_same_state(self, other: "Cohort[Any]") -> bool:
        """Whether both are in the same state, after both have sent everything in the same cycle."""

    def register(self, subscriber: Subscriber[PayloadT]) -> None:
        """Add the first subscriber; from here on the buffer receives tickers."""
        assert not self.subscribers
        self.join()
        self._fan_out.registry.subscriber_count += 1
        self.add(subscriber)

    def add(self, subscriber: Subscriber[PayloadT]) -> None:
        """Deliver payloads to this subscriber too."""
        self.subscribers[subscriber] = None
        subscriber.cohort = self

    def remove(self, subscriber: Subscriber[PayloadT]) -> None:
        """Deliver nothing more to this subscriber."""
        if subscriber.cohort is self:
            del self.subscribers[subscriber]
            subscriber.cohort = None
            self._fan_out.registry.subscriber_count -= 1
            self._end_if_empty()

    def put(self, ticker: Ticker, key: TickerKey) -> None:
        """Buffer a ticker, and flush in the next cycle."""
        if self.buffer.put(ticker, key) and not self._is_dirty:
            self._is_dirty = True
            self._fan_out.scheduler.schedule(self)

    def retract(self, key: TickerKey) -> None:
        """Buffer that an instrument has become unavailable, and flush in the next cycle."""
        self.buffer.retract(key)
        self.mark_dirty()

    def mark_dirty(self) -> None:
        """Flush in the next cycle."""
        if not self._is_dirty:
            self._is_dirty = True
            self._fan_out.scheduler.schedule(self)

    @property
    def clients(self) -> tuple[object, object]:
        """The connections of the first and the last subscriber, if there are any."""
        if not self.subscribers:
            return None, None
        return next(iter(self.subscribers)).client, next(reversed(self.subscribers)).client

    def mark_published(self) -> None:
        """End the present cycle: what cohorts read from here on is newer than what others have sent."""
        self._fan_out.registry.publications.version += 1

    def suspend_for_now(self) -> None:
        """Receive no more tickers until the next flush, which is scheduled."""
        if self.buffer.min_change_filter is None:
            self._suspend()
            self.mark_dirty()

    def flush_now(self) -> None:
        """Flush in a cycle of its own: a subscriber has become ready."""
        self.flush(self._fan_out.scheduler.new_cycle())

    def flush(self, cycle: FlushCycle) -> float:
        """Deliver what is due to every subscriber that is ready.

        Return about the CPU time that their consumers will take.
        """
        self._is_dirty = False
        try:
            if len(self.subscribers) > 1:
                self._flush_shared(cycle)
            elif self.subscribers:
                return self._flush_single(cycle)
        except Exception as exc:  # noqa: BLE001 - outermost of what subscribers share: each shows or masks it, and other cohorts go on
            self._fail(exc)
        return 0.0

    def mark_updated(self, cycle: FlushCycle) -> None:
        """Record that an update is sent in this cycle."""
        self.updated_at = cycle.loop_time
        self.next_update_at = cycle.loop_time + self.live_query.options.sample_interval_s

    def join(self) -> None:
        """Receive tickers from here on."""
        self._fan_out.registry.add(self.live_query.instruments, self)

    def leave(self) -> None:
        """Receive nothing more."""
        self._fan_out.registry.remove(self.live_query.instruments, self)

    def _flush_single(self, cycle: FlushCycle) -> float:
        (subscriber,) = self.subscribers
        if not subscriber.is_ready():
            self._suspend()
            subscriber.notify_when_ready()
            return 0.0
        if self.suspension is not None:
            self._resume(self.suspension)
        consuming_s, due_by = 0.0, cycle.loop_time + EARLY_S
        while True:
            payload, self._deadline = self.poll(cycle)
            if payload is not None:
                subscriber.deliver(payload)
                self._fan_out.registry.deliveries += 1
                consuming_s += subscriber.consuming_s
                if not subscriber.is_ready():
                    subscriber.notify_when_ready()
                    return consuming_s
                # Poll again only if more is due.
                if self._deadline <= due_by:
                    continue
            self._merge_or_rearm(cycle)
            return consuming_s

    def _flush_shared(self, cycle: FlushCycle) -> None:
        if self.suspension is not None:
            self._resume(self.suspension)
        due_by = cycle.loop_time + EARLY_S
        if self._deadline <= due_by or (self.buffer.has_pending and self.next_update_at <= due_by):
            blocked = [each for each in self.subscribers if not each.is_ready()]
            suspension: Suspension | None = None
            for subscriber in blocked:
                suspension = self._split_off(subscriber, suspension)
            if not self.subscribers:
                self._end_if_empty()
                return
            payload, self._deadline = self.poll(cycle)
            if payload is not None:
                self._fan_out.registry.deliveries += len(self.subscribers)
                for subscriber in self.subscribers:
                    subscriber.deliver(payload)
        self._merge_or_rearm(cycle)

    def _merge_or_rearm(self, cycle: FlushCycle) -> None:
        """After sending everything due: merge with a cohort that has done so too, or set the timer."""
        query, buffer = self.live_query, self.buffer
        if (
            self.updated_at == cycle.loop_time
            and not buffer.has_pending
            # A filter remembers what was sent long ago.
            and buffer.min_change_filter is None
        ):
            target = query.merge_target
            if target is None or query.merge_cycle != cycle.number:
                query.merge_target, query.merge_cycle = self, cycle.number
            elif target is not self and target.suspension is None and target.has_same_state(self):
                if len(target.subscribers) + len(self.subscribers) <= MAX_SUBSCRIBERS:
                    self._merge_into(target)
                    return
                query.merge_target = self
        deadline = self._deadline
        if buffer.has_pending and self.next_update_at < deadline:
            deadline = self.next_update_at
        # An early poll costs less than moving the timer.
        if deadline < self._timer_at - EARLY_S:
            self._arm(deadline)

    def _merge_into(self, target: "Cohort[PayloadT]") -> None:
        for subscriber in self.subscribers:
            target.add(subscriber)
        self.subscribers = {}
        self._end_if_empty()

    def _split_off(
        self, subscriber: Subscriber[PayloadT], suspension: Suspension | None
    ) -> Suspension | None:
        """Move a blocked subscriber into a cohort of its own, in the same state.

        Return its suspension, which is that of the others too, if it has one.
        """
        del self.subscribers[subscriber]
        other = self.copy()
        self.buffer.copy_to(other.buffer)
        other.updated_at, other.next_update_at = self.updated_at, self.next_update_at
        if self.can_suspend:
            suspension = self._fan_out.registry.begin_suspended(self.live_query.instruments, suspension)
            other.suspension = suspension
        else:
            other.join()
        other.add(subscriber)
        subscriber.notify_when_ready()
        return suspension

    def _suspend(self) -> None:
        """Receive no more tickers until the next flush with a subscriber that is ready."""
        # A filter has to see each ticker.
        if self.suspension is None and self.can_suspend and self.buffer.min_change_filter is None:
            self.suspension = self._fan_out.registry.suspend(self.live_query.instruments, self)

    def _resume(self, suspension: Suspension) -> None:
        """Receive tickers again, and what was missed."""
        self.suspension = None
        self.buffer.put_missed(self._fan_out.registry.resume(self.live_query.instruments, self, suspension))

    def _end_if_empty(self) -> None:
        if self.subscribers:
            return
        if self.suspension is None:
            self.leave()
        else:
            self.suspension = None
            self._fan_out.registry.end_suspended()
        self._disarm()
        if self.live_query.merge_target is self:
            self.live_query.merge_target = None

    def _fail(self, error: Exception) -> None:
        for subscriber in tuple(self.subscribers):
            self.remove(subscriber)
            subscriber.fail(error)

    def _arm(self, deadline: float) -> None:
        """Move the timer to an earlier deadline."""
        self._disarm()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._on_timer)
        self._timer_at = deadline

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = inf

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = inf
        if not self._is_dirty:
            self._is_dirty = True
            self._fan_out.scheduler.schedule_due(self)
