"""The corrected clock of a process, and the task that measures it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

import msgspec
import structlog

from rates.errors import BackendUnavailable
from rates.source import Source
from runtime.clock.clock_state import ClockState
from runtime.clock.event_times import EventTimes
from runtime.clock.selection import select_clock
from runtime.clock.steady_clock import Seconds, SteadyClock, elapsed_s

MEASURE_INTERVAL_S = 5.0
# The first measurements: what this process and others share is known to all after two of them.
FIRST_MEASUREMENTS = 5
FIRST_INTERVAL_S = 1.0
# How often a step of the wall clock, and what arrives, is looked at.
CHECK_INTERVAL_S = 1.0
# Round trips of one measurement; the shortest is the most accurate.
SAMPLES = 4
STEP_S = 0.25
# What other processes have shared was measured against the server's clock before it stepped.
DISTRUST_AFTER_STEP_S = 15.0

LatestEvents = Callable[[], Mapping[Source, datetime | None]]
log = structlog.get_logger("ratewire.clock")


class ServerTime(msgspec.Struct, frozen=True):
    """The time of a server in seconds since the Unix epoch.

    `sources`: the lead of their event times over it.
    """

    now_s: float
    sources: Mapping[Source, float] = {}


class TimeServer(Protocol):
    """A clock that all processes share, and a place to share what sources' event times say."""

    async def read_time(self, share: Mapping[Source, float] | None = None) -> ServerTime:
        """Read the time, and share how far sources' events are ahead of it, in seconds.

        Raises:
            BackendUnavailable: the server cannot be reached.
        """
        ...


class ProcessClock:
    """The clocks of a process: `corrected` for ages, `server` for deadlines.

    What processes must agree on follows `server`. Both run on the monotonic clock from the first measurement on. Without a `time_server`, `server` is the corrected clock, and
    the machine's clock is compared with itself before it stepped.
    """

    def __init__(
        self,
        time_server: TimeServer | None,
        *,
        max_skew: timedelta = timedelta(minutes=10),
        elapsed: Seconds = elapsed_s,
        wall: Seconds = time.time,
    ) -> None:
        self._time_server = time_server
        self._elapsed, self._wall = elapsed, wall
        self.corrected = SteadyClock(elapsed=elapsed, wall=wall)
        self.server = SteadyClock(elapsed=elapsed, wall=wall)
        self.state = ClockState(max_skew, has_server=time_server is not None)
        self.event_times = EventTimes(elapsed=elapsed)
        self.steps = 0
        """The number of steps of the wall clock so far."""
        self._own_s = self._read_own()
        self._server_s: float | None = None
        self._before_step_s = self._own_s
        self._shared: Mapping[Source, float] = {}
        self._distrust_until = float("-inf")
        self._latest: dict[Source, datetime | None] = {}

    async def run(self, latest_events: LatestEvents = dict) -> None:
        """Measure at once, regularly and after every step of the wall clock, until cancelled.

        `latest_events` returns the latest event time of each source that has arrived, where nobody calls `event_times.record`.
        """
        for number in count():
            await self.measure()
            # While nothing tells which clock is right, the next event of a source may.
            is_urgent = number < FIRST_MEASUREMENTS or not self.state.is_certain
            due_at = self._elapsed() + (FIRST_INTERVAL_S if is_urgent else MEASURE_INTERVAL_S)
            while self._elapsed() < due_at and not self._has_stepped():
                await asyncio.sleep(CHECK_INTERVAL_S)
                self._record_latest(latest_events())

    async def measure(self) -> None:
        """Measure the own clock and the server's once, and correct the clocks.

        Without the server, its last measurement counts.
        """
        try:
            await self._measure_server()
        except BackendUnavailable as exc:
            log.debug("clock not measured", error=str(exc))
        self._own_s = self._read_own()
        self._select()

    async def _measure_server(self) -> None:
        if self._time_server is None:
            return
        shared = (
            {source: at - self._server_s for source, at in self.event_times.offsets().items()}
            if self._server_s is not None
            else {}
        )
        best_s, offset_s, read = float("inf"), 0.0, None
        for number in range(SAMPLES):
            before = self._elapsed()
            read = await self._time_server.read_time(None if number else shared)
            delay_s = self._elapsed() - before
            if delay_s < best_s:
                best_s, offset_s = delay_s, read.now_s - before - delay_s / 2
        assert read is not None
        known_s = self._server_s
        if known_s is not None and abs(offset_s - known_s) > max(STEP_S, best_s):
            log.warning("the clock of Redis stepped", by_s=round(offset_s - known_s, 3))
            self._distrust_until = self._elapsed() + DISTRUST_AFTER_STEP_S
            if offset_s > known_s:
                # Or a paused machine's monotonic clock stood still: what arrived before would confirm the time before.
                self.event_times.clear()
        # Within the accuracy of the measurement, the known offset is as good, and the clock does not move.
        if known_s is None or abs(offset_s - known_s) > best_s / 2:
            self._server_s = known_s = offset_s
        is_trusted = self._elapsed() >= self._distrust_until
        self._shared = (
            {source: known_s + ahead_s for source, ahead_s in read.sources.items()} if is_trusted else {}
        )

    def _select(self) -> None:
        sources = dict(self._shared)
        for source, at in self.event_times.offsets().items():
            sources[source] = max(at, sources.get(source, at))
        before, was_fit = self.state.problem, self.state.is_fit
        has_server = self._time_server is not None
        reference_s = self._server_s if has_server else self._before_step_s
        floor_s = None if self.state.selection is None else self.state.selection.offset_s
        self.state.selection = selection = select_clock(self._own_s, reference_s, sources, floor_s)
        if selection.is_certain:
            self._before_step_s = selection.offset_s
        self.corrected.adjust(selection.offset_s)
        self.server.adjust(selection.offset_s if self._server_s is None else self._server_s)
        problem = self.state.problem
        if problem is not None and (before is None or was_fit is not self.state.is_fit):
            log.warning("clocks differ", problem=problem, corrected=self.state.is_fit)
        elif problem is None and before is not None:
            log.info("clocks agree")

    def _read_own(self) -> float:
        return self._wall() - self._elapsed()

    def _has_stepped(self) -> bool:
        by_s = self._read_own() - self._own_s
        if abs(by_s) <= STEP_S:
            return False
        self.steps += 1
        log.warning("this machine's clock stepped", by_s=round(by_s, 3), steps=self.steps)
        return True

    def _record_latest(self, latest: Mapping[Source, datetime | None]) -> None:
        for source, at in latest.items():
            # What was there at the start says only that it was observed before.
            if at is not None and self._latest.get(source, at) != at:
                self.event_times.record(source, at)
        self._latest.update(latest)
