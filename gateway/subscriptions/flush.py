"""Flush cycles: cohorts with new data are flushed together and share encoded payloads.

A turn of the event loop spends a limited time on them. What is left goes on in the next turn: the connections then take turns, so
that one with thousands of cohorts delays no other one.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from typing import Protocol as Role

from rates.clock import Clock

# CPU time. At least one cohort is flushed in each turn, however long it takes.
TURN_S = 0.01
# CPU time of a cycle in which cohorts are flushed in order. In a longer one, clients take turns, which costs more.
SHORT_CYCLE_S = 0.03
# CPU time of flushes for which the mirror waits where a cycle takes several turns: once something else is published, the rest of
# the cycle cannot share payloads.
PATIENCE_S = 0.1
# What the ages in the first events of subscriptions may be too low by.
JOINING = timedelta(milliseconds=10)
NO_TIME = timedelta(0)


class FlushCycle:
    """The state shared by all cohorts flushed together: the time and computed payloads."""

    __slots__ = ("cursor", "loop_time", "now", "number", "payloads")

    def __init__(self, number: int, clock: Clock) -> None:
        self.number = number
        self.loop_time = asyncio.get_running_loop().time()
        """Seconds on the loop's clock."""
        self.now: datetime = clock()
        self.cursor: str | None = None
        """The cursor of everything mirrored, computed by the first cohort that needs it."""
        self.payloads: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        """Encoded payloads, each beside the objects whose ids are in its key: they keep the ids valid."""


class Publications:
    """Counts what is published to cohorts."""

    __slots__ = ("puts", "version")

    def __init__(self) -> None:
        self.version = 0
        """The number of published changes so far."""
        self.puts = 0
        """Calls of `put` since the last turn of the scheduler, for buffers of all symbols."""


class Flushable(Role):
    """A cohort that may have something to send."""

    @property
    def clients(self) -> tuple[object, object]:
        """Two of the connections that it sends to, or twice the only one."""
        ...

    def flush(self, cycle: FlushCycle) -> float:
        """Send what is due; return about the CPU time that the consumers will take."""
        ...


class _Backlog:
    """Cohorts that wait, by client.

    Clients take turns, one cohort each. Every other one is a client that has waited for nothing before: those with few cohorts need
    not wait for those with thousands.
    """

    def __init__(self) -> None:
        self._arrived: dict[object, deque[Flushable]] = {}
        self._served: dict[object, deque[Flushable]] = {}
        self._is_turn_of_served = False
        self.size = 0
        """The cohorts that wait."""

    def __len__(self) -> int:
        return self.size

    @property
    def has_unserved(self) -> bool:
        """Whether clients wait that had no turn yet."""
        return bool(self._arrived)

    def add(self, cohort: Flushable) -> None:
        """Add it to the client with fewer: nobody delays what it shares with others."""
        self.size += 1
        first, second = cohort.clients
        waiting = self._find(first)
        if waiting is not None and first is not second:
            others = self._find(second)
            if others is None or len(others) < len(waiting):
                first, waiting = second, others
        if waiting is None:
            self._arrived[first] = deque((cohort,))
        else:
            waiting.append(cohort)

    def popleft(self) -> Flushable:
        """The next cohort of the client whose turn it is."""
        turns = (
            self._served if self._served and (self._is_turn_of_served or not self._arrived) else self._arrived
        )
        self._is_turn_of_served = not self._is_turn_of_served
        client = next(iter(turns))
        self.size -= 1
        waiting = turns.pop(client)
        cohort = waiting.popleft()
        if waiting:
            self._served[client] = waiting
        return cohort

    def _find(self, client: object) -> deque[Flushable] | None:
        return self._served.get(client) or self._arrived.get(client)


class FlushScheduler:
    """Flushes cohorts as soon as the present message has been applied completely.

    A cycle ends when something is published. `cpu_s` is read only when so much time has passed by `now_s`, which costs less.
    """

    def __init__(
        self,
        clock: Clock,
        publications: Publications,
        *,
        now_s: Callable[[], float] = time.perf_counter,
        cpu_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._publications = publications
        self._now_s = now_s
        self._cpu_s = cpu_s
        # Those of the next cycle, while the present one is short.
        self._dirty: deque[Flushable] = deque()
        # Those of the present cycle, in order, while it is short.
        self._started: deque[Flushable] = deque()
        # Those of a long cycle.
        self._backlog = _Backlog()
        self._spent_s = 0.0
        self._cycle: FlushCycle | None = None
        self._cycle_version = 0
        self._joining: FlushCycle | None = None
        self._joining_version = 0
        self._is_scheduled = False
        self._number = 0

    def is_flushing(self) -> bool:
        """Whether clients wait for the first of their cohorts in this cycle, and not for long yet."""
        return bool(self._started) or (self._backlog.has_unserved and self._spent_s < PATIENCE_S)

    def new_cycle(self) -> FlushCycle:
        """A cycle that starts now."""
        self._number += 1
        return FlushCycle(self._number, self._clock)

    def joining_cycle(self) -> FlushCycle:
        """The cycle of all cohorts that begin within `JOINING`, until something is published.

        After a restart thousands of clients ask for the same within seconds: those of one cycle share events and payloads.
        """
        version, cycle = self._publications.version, self._joining
        if (
            cycle is None
            or version != self._joining_version
            or not NO_TIME <= self._clock() - cycle.now < JOINING
        ):
            cycle = self._joining = self.new_cycle()
            self._joining_version = version
        return cycle

    def schedule(self, cohort: Flushable) -> None:
        """Flush `cohort` in the next cycle, or in the present one if that is long."""
        if self._backlog.size:
            self._backlog.add(cohort)
        else:
            self._dirty.append(cohort)
        if not self._is_scheduled:
            self._schedule_turn()

    def schedule_due(self, cohort: Flushable) -> None:
        """Flush `cohort` in a cycle that starts after now: its time has come."""
        self._cycle = None
        self.schedule(cohort)

    def _on_turn(self) -> None:
        self._is_scheduled = False
        # In each turn as much may be put into buffers.
        self._publications.puts = 0
        version = self._publications.version
        if not (self._started or self._backlog.size):
            self._started, self._dirty = self._dirty, deque()
            self._spent_s = 0.0
        cycle, began_s = self._begin_cycle(version), self._cpu_s()
        self._flush_from(self._started or self._backlog, cycle, began_s)
        self._spent_s += self._cpu_s() - began_s
        if self._started and self._spent_s >= SHORT_CYCLE_S:
            # Those that became dirty since it began too: under load there may be no next cycle.
            for cohort in (*self._started, *self._dirty):
                self._backlog.add(cohort)
            self._started.clear()
            self._dirty.clear()
        if not (self._started or self._backlog.size):
            self._cycle = None
        if (self._started or self._backlog.size or self._dirty) and not self._is_scheduled:
            self._schedule_turn()

    def _flush_from(self, waiting: deque[Flushable] | _Backlog, cycle: FlushCycle, began_s: float) -> None:
        """Flush cohorts for `TURN_S`, as many as there are."""
        until_s, consuming_s = self._now_s() + TURN_S, 0.0
        while waiting:
            consuming_s += waiting.popleft().flush(cycle)
            if self._now_s() + consuming_s >= until_s:
                spent_s = self._cpu_s() - began_s + consuming_s
                if spent_s >= TURN_S:
                    return
                until_s = self._now_s() + TURN_S - spent_s + consuming_s

    def _begin_cycle(self, version: int) -> FlushCycle:
        """The cycle of the last turn, unless something has changed since."""
        if self._cycle is None or version != self._cycle_version:
            self._cycle, self._cycle_version = self.new_cycle(), version
        return self._cycle

    def _schedule_turn(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_soon(self._on_turn)
