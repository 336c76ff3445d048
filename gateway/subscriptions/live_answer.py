"""Answers that live lists share.

Each is computed once per change for all lists that contain it. An answer becomes stale by a ticker, by a change of the catalog or by the passage of time. It announces this to the cohorts of
its lists, and is computed when the first of them reads it. Until it is stale again, the others get the same with newer ages.
"""

import asyncio
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from typing import Protocol as Role

from gateway.subscriptions.instrument_filter import InstrumentFilter
from gateway.subscriptions.registry import SubscriptionRegistry
from rates.clock import Clock
from rates.ticker import Ticker, TickerKey

ValueT = TypeVar("ValueT")


class AnswerWatcher(Role):
    """A cohort whose list contains an answer, or an answer that depends on it."""

    def mark_changed(self, answer: "LiveAnswer", /) -> None:
        """Note that the answer may be another. It must not read the answer."""
        ...


class AnswerReading(NamedTuple):
    """The value of an answer at one moment.

    `said` is everything in it except for the ages: the same object until it is computed again.
    """

    answer: "LiveAnswer"
    value: Any
    said: tuple[object, ...]
    is_available: bool


class LiveAnswer(ABC):
    """The answer of one query in any number of live lists."""

    __slots__ = ("__weakref__", "_is_announced", "watchers")

    def __init__(self) -> None:
        self.watchers: dict[AnswerWatcher, None] = {}
        # Whether all watchers know that it may be another, and none has read it since.
        self._is_announced = False

    @property
    @abstractmethod
    def update_count(self) -> int:
        """The tickers that have arrived for it so far."""

    @property
    @abstractmethod
    def rate_count(self) -> int:
        """The symbols that it reads, about."""

    @abstractmethod
    def read(self, now: datetime) -> AnswerReading:
        """The answer at this moment. Only while it is watched."""

    def watch(self, watcher: AnswerWatcher) -> None:
        """Announce changes to `watcher` from here on."""
        if not self.watchers:
            self._start()
        self.watchers[watcher] = None

    def unwatch(self, watcher: AnswerWatcher) -> None:
        """Announce nothing more to `watcher`."""
        if watcher in self.watchers:
            del self.watchers[watcher]
            if not self.watchers:
                self._stop()

    @abstractmethod
    def _start(self) -> None:
        """Follow what it depends on."""

    @abstractmethod
    def _stop(self) -> None:
        """Follow nothing more."""

    def _announce(self) -> None:
        if not self._is_announced:
            self._is_announced = True
            for watcher in self.watchers:
                watcher.mark_changed(self)


class ComputedAnswer(LiveAnswer, Generic[ValueT]):
    """An answer that is computed from tickers, the catalog and the time."""

    __slots__ = (
        "_clock",
        "_computed_at",
        "_instruments",
        "_is_available",
        "_is_stale",
        "_next_change_at",
        "_registry",
        "_said",
        "_timer",
        "_update_count",
        "_value",
        "_value_at",
        "computed_count",
    )
    _value: ValueT

    def __init__(self, registry: SubscriptionRegistry, clock: Clock) -> None:
        super().__init__()
        self._registry = registry
        self._clock = clock
        self._instruments: InstrumentFilter | None = None
        self._is_stale = True
        self._is_available = False
        self._said: tuple[object, ...] = ()
        self._computed_at: datetime | None = None
        self._value_at: datetime | None = None
        self._next_change_at: datetime | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._update_count = 0
        self.computed_count = 0
        """How often it was computed so far."""

    @abstractmethod
    def _compute(self, now: datetime) -> ValueT:
        """The value at this moment."""

    @abstractmethod
    def _restate(self, value: ValueT, now: datetime) -> ValueT:
        """The value with the ages of a later moment."""

    @abstractmethod
    def _describe(self, value: ValueT) -> tuple[tuple[object, ...], bool, datetime | None]:
        """Return its content except for the ages, whether it is available, and its next change."""

    @abstractmethod
    def _instruments_of(self, value: ValueT) -> InstrumentFilter:
        """The instruments whose tickers change the value."""

    @property
    def update_count(self) -> int:
        return self._update_count

    def put(self, _ticker: Ticker, _key: TickerKey) -> None:
        """Note that a ticker has arrived."""
        self._update_count += 1
        self.invalidate()

    def retract(self, _key: TickerKey) -> None:
        """Note that an instrument has become unavailable."""
        self.invalidate()

    def suspend_for_now(self) -> None:
        """Do nothing: a ticker costs little here."""

    def invalidate(self) -> None:
        """Note that the value may be another."""
        self._is_stale = True
        self._announce()

    def read(self, now: datetime) -> AnswerReading:
        return AnswerReading(self, self.read_value(now), self._said, self._is_available)

    def read_value(self, now: datetime) -> ValueT:
        """The value at this moment, computed if it may be another than before."""
        if self._next_change_at is not None and self._next_change_at <= now:
            # The timer may fire later in this round of the loop, and would find nothing to announce.
            self.invalidate()
        self._is_announced = False
        if self._is_stale or self._computed_at is None or now < self._computed_at:
            self._update(now)
        elif now != self._value_at:
            self._value = self._restate(self._value, now)
        self._value_at = now
        return self._value

    def _update(self, now: datetime) -> None:
        self._value = self._compute(now)
        self._is_stale, self._computed_at = False, now
        self.computed_count += 1
        self._said, self._is_available, self._next_change_at = self._describe(self._value)
        if self.watchers:
            self._register(self._instruments_of(self._value))
            self._arm(now)

    def _register(self, instruments: InstrumentFilter) -> None:
        if instruments != self._instruments:
            self._unregister()
            self._registry.add(instruments, self)
            self._instruments = instruments

    def _unregister(self) -> None:
        if self._instruments is not None:
            self._registry.remove(self._instruments, self)
            self._instruments = None

    def _start(self) -> None:
        # It has missed what arrived meanwhile.
        self._is_stale = True

    def _stop(self) -> None:
        self._unregister()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: datetime) -> None:
        """Set the timer to the next change; one that fires too early is set again."""
        if self._next_change_at is None:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + (self._next_change_at - now).total_seconds()
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._clock()
        if self._next_change_at is not None and self._next_change_at <= now:
            self.invalidate()
        else:
            self._arm(now)
