"""Readers who have asked the same and been told the same so far: what comes next is worked out and written once for all of them.

There is no task and no queue: a cohort is told of news by `gateway.subscriptions.registry`, has a beat in the next round
(`gateway.subscriptions.flush`) or when its timer goes off, and hands what is due to its readers at once. A reader that is not ready to be told
parts from the others, taking along a copy of what is pending, which from then on is conflated for it alone; told everything again
in the same round as they, it is one of them again.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf
from typing import Any, Generic, TypeVar, cast
from typing import Protocol as Role
from weakref import WeakValueDictionary

from gateway.subscriptions.change_filter import MinChangeFilter
from gateway.subscriptions.conflation import ConflationBuffer
from gateway.subscriptions.delivery_options import DeliveryOptions
from gateway.subscriptions.flush import FlushCycle, FlushScheduler
from gateway.subscriptions.registry import InstrumentFilter, SubscriptionRegistry

# Timers may go off that much early, seconds.
EARLY_S = 1e-6

PayloadT = TypeVar("PayloadT")
PayloadT_contra = TypeVar("PayloadT_contra", contravariant=True)
LiveQueryT = TypeVar("LiveQueryT", bound="LiveQuery")


class Subscriber(Role[PayloadT_contra]):
    """One who is told. `cohort` is that with which it is told at present."""

    cohort: "Cohort[Any] | None"

    def is_ready(self) -> bool:
        """Whether it can be told something now; if not, it lets its cohort `go_on` as soon as it can."""
        ...

    def tell(self, told: PayloadT_contra) -> None:
        """Take it; this does not wait."""
        ...

    def fail(self, failure: Exception) -> None:
        """Nothing more will come, for that reason."""
        ...


class LiveQuery:
    """What is asked, and how fast: one object for all who may be told together."""

    __slots__ = ("__weakref__", "home", "home_since", "pace", "selection")

    def __init__(self, selection: InstrumentFilter, pace: DeliveryOptions) -> None:
        self.selection = selection
        self.pace = pace
        self.home: Cohort[Any] | None = None
        """The cohort that was told everything in the round `home_since`: others that are told in the same may join it."""
        self.home_since = 0


class LiveQueryRegistry:
    """Topics by what makes them the same; those that nobody reads are forgotten."""

    def __init__(self) -> None:
        self._topics: WeakValueDictionary[tuple[Any, ...], LiveQuery] = WeakValueDictionary()

    def share(self, key: tuple[Any, ...], make: Callable[[], LiveQueryT]) -> LiveQueryT:
        """The topic of that key, made now if nobody reads it. A key stands for topics of one kind."""
        topic = self._topics.get(key)
        if topic is None:
            topic = self._topics[key] = make()
        return cast("LiveQueryT", topic)


class PlainValues(Generic[PayloadT]):
    """The writer for readers who are told the plain values."""

    @staticmethod
    def write(told: PayloadT) -> PayloadT:
        return told


class FanOut:
    """Where cohorts live: they hear from `subscribers` and speak in `rounds`."""

    def __init__(self, subscribers: SubscriptionRegistry, rounds: FlushScheduler) -> None:
        self.registry = subscribers
        self.rounds = rounds


class Cohort(ConflationBuffer, ABC, Generic[PayloadT]):
    """At least one reader, else it is over. Subclasses say what is due; `copy` and `is_same` cover all that they remember."""

    __slots__ = (
        "_house",
        "_is_stirred",
        "_timer",
        "_timer_at",
        "readers",
        "spoke_at",
        "topic",
        "updated_at",
    )

    def __init__(self, house: FanOut, topic: LiveQuery, threshold: MinChangeFilter | None = None) -> None:
        super().__init__(threshold)
        self.topic = topic
        self.readers: dict[Subscriber[PayloadT], None] = {}
        self._house = house
        self.updated_at = self.spoke_at = -inf
        self._is_stirred = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    @abstractmethod
    def next_told(self, moment: FlushCycle) -> PayloadT | None:
        """What is due at that moment; `None` when nothing is."""

    @abstractmethod
    def is_due(self, moment: FlushCycle) -> bool:
        """Whether `next_told` may have something. Only asked of those that can be shared."""

    @abstractmethod
    def due_at(self, moment: FlushCycle) -> float:
        """When something will be due though nothing comes, on the loop's clock; `inf`: never."""

    @abstractmethod
    def copy(self) -> "Cohort[PayloadT]":
        """Another of the same topic that remembers the same, without readers."""

    @property
    def can_be_shared(self) -> bool:
        """Whether readers who were told everything at the same moment remember the same."""
        return True

    def is_same(self, other: "Cohort[Any]") -> bool:
        """Whether it remembers the same, both having been told everything at the same moment."""
        return other.topic is self.topic

    def admit(self, reader: Subscriber[PayloadT]) -> None:
        """Its first reader: from here on it hears of everything."""
        assert not self.readers
        self._house.registry.add(self.topic.selection, self)
        self._house.registry.subscriber_count += 1
        self.take_in(reader)

    def leave(self, reader: Subscriber[PayloadT]) -> None:
        """Tell this reader no more."""
        if reader.cohort is self:
            del self.readers[reader]
            reader.cohort = None
            self._house.registry.subscriber_count -= 1
            self._end_if_empty()

    def stir(self) -> None:
        if not self._is_stirred:
            self._is_stirred = True
            self._house.rounds.add(self)

    def go_on(self) -> None:
        """A reader can be told again, or the timer has gone off."""
        self.beat(self._house.rounds.moment())

    def beat(self, moment: FlushCycle) -> None:
        """Tell what is due to whoever is ready."""
        self._is_stirred = False
        try:
            if len(self.readers) > 1:
                self._tell_all(moment)
            elif self.readers:
                self._tell_one(moment)
        except Exception as exc:  # noqa: BLE001 - outermost of what readers share: each shows or masks it, and the others go on
            self._fail(exc)

    def note_update(self, moment: FlushCycle) -> None:
        """An update is told now."""
        self.updated_at = self.spoke_at = moment.at

    def may_update(self, moment: FlushCycle) -> bool:
        """Whether the last update is long enough ago."""
        return self.updated_at + self.topic.pace.sample_interval_s <= moment.at + EARLY_S

    @property
    def update_at(self) -> float:
        """When what is pending may be told."""
        return self.updated_at + self.topic.pace.sample_interval_s

    def _tell_one(self, moment: FlushCycle) -> None:
        (reader,) = self.readers
        while True:
            if not reader.is_ready():
                return
            told = self.next_told(moment)
            if told is None:
                break
            reader.tell(told)
        self._settle(moment)

    def _tell_all(self, moment: FlushCycle) -> None:
        if self.is_due(moment):
            for reader in [each for each in self.readers if not each.is_ready()]:
                self._part(reader)
            if not self.readers:
                self._end_if_empty()
                return
            told = self.next_told(moment)
            if told is not None:
                for reader in self.readers:
                    reader.tell(told)
        self._settle(moment)

    def _settle(self, moment: FlushCycle) -> None:
        """Everything due has been told: be one with others of whom the same is true, or wait."""
        topic = self.topic
        if self.updated_at == moment.at and self.can_be_shared and not self.has_pending:
            home = topic.home
            if home is None or topic.home_since != moment.number:
                topic.home, topic.home_since = self, moment.number
            elif home is not self and home.is_same(self):
                self._move_to(home)
                return
        self._arm(moment)

    def _move_to(self, home: "Cohort[PayloadT]") -> None:
        for reader in self.readers:
            home.take_in(reader)
        self.readers = {}
        self._end_if_empty()

    def _part(self, reader: Subscriber[PayloadT]) -> None:
        """The reader goes on by itself from what it has been told so far."""
        del self.readers[reader]
        other = self.copy()
        self.lend_pending(other)
        other.updated_at, other.spoke_at = self.updated_at, self.spoke_at
        self._house.registry.add(self.topic.selection, other)
        other.take_in(reader)

    def take_in(self, reader: Subscriber[PayloadT]) -> None:
        """Tell this reader what comes next, as the others here."""
        self.readers[reader] = None
        reader.cohort = self

    def _end_if_empty(self) -> None:
        if self.readers:
            return
        self._house.registry.remove(self.topic.selection, self)
        self._disarm()
        if self.topic.home is self:
            self.topic.home = None

    def _fail(self, failure: Exception) -> None:
        for reader in tuple(self.readers):
            self.leave(reader)
            reader.fail(failure)

    def _arm(self, moment: FlushCycle) -> None:
        """Have a timer go off in time. One that goes off too early costs less than moving it with every event."""
        at = self.due_at(moment)
        if at < self._timer_at - EARLY_S:
            self._disarm()
            self._timer = asyncio.get_running_loop().call_at(at, self._ring)
            self._timer_at = at

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = inf

    def _ring(self) -> None:
        self._timer = None
        self._timer_at = inf
        self.go_on()
