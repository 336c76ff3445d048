"""The part that all roles of one process share: dependencies, the start of tasks, its name."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from cache.ports import TickerFeed, TickerSink
from history.ports import BarLog
from history.trade_tape import TradeTape
from instruments.last_known import SnapshotStorage
from pipeline.coordination.local_cooldown import LocalCooldown
from pipeline.coordination.ports import Coordination
from pipeline.health import SourceHealth
from pipeline.ingest import Ingest
from pipeline.reporter import report_forever
from pipeline.settings import IngestSettings
from pipeline.sources.adapter import SourceAdapter, SourceContext
from rates.clock import Clock, utc_now
from runtime.clock.process_clock import ProcessClock
from runtime.heartbeat import Heartbeat
from runtime.restart import keep_running

# Time to finish a tick that is being issued, or to write the last values of a push feed, when the process is asked to stop. Enough
# while the backends work; without them, waiting longer would not help, and the process would be killed.
SHUTDOWN_TIMEOUT_S = 2.0


@dataclass(frozen=True, kw_only=True)
class RoleContext:
    """Dependencies that all roles of one process share.

    Ages are judged by `clock`, deadlines of tasks by `shared_clock`, that of Redis: the processes need not know the true time to
    agree on it. `snapshots` stores the last known instruments, where processes share a Redis.
    `bars`: log of the bars of push feeds; `None` records no history. `tape`: their last trades. `feed`: the
    cache as gateways read it, for processes that record the sources.
    """

    sink: TickerSink
    coordination: Coordination
    heartbeat: Heartbeat
    simulated: bool
    clock: Clock = utc_now
    snapshots: SnapshotStorage | None = None
    shared_clock: Clock | None = None
    process_clock: ProcessClock = field(default_factory=lambda: ProcessClock(None))
    bars: BarLog | None = None
    tape: TradeTape | None = None
    feed: TickerFeed | None = None

    def source_context(self, adapter: SourceAdapter, health: SourceHealth) -> SourceContext:
        """Return the dependencies of one source's fetchers.

        All replicas share the budget and the cooldown.
        """
        shared = self.coordination
        return SourceContext(
            health=health,
            simulated=self.simulated,
            clock=self.clock,
            cooldown=LocalCooldown(shared.request_cooldown(adapter.source), self.clock),
            budget=None if adapter.limits is None else shared.request_budget(adapter.source, adapter.limits),
        )

    def ingest(self, health: SourceHealth, settings: IngestSettings) -> Ingest:
        """Return the validated way into the cache for one source."""
        max_skew = timedelta(seconds=settings.max_skew_s)
        return Ingest(
            self.sink, health, max_skew=max_skew, clock=self.clock, process_clock=self.process_clock
        )

    async def report(self, health: SourceHealth, heartbeat: Heartbeat | None = None) -> None:
        """Report the health of one source until cancelled."""
        await report_forever(
            health,
            self.sink,
            clock=self.clock,
            clock_state=self.process_clock.state,
            heartbeat=heartbeat or self.heartbeat,
        )


def start_task(
    group: asyncio.TaskGroup,
    name: str,
    run: Callable[[], Awaitable[None]],
    health: SourceHealth | None = None,
) -> asyncio.Task[None]:
    """Start a long-lived task that no unforeseen exception ends. `health` counts them."""
    on_error = _ignore if health is None else health.record_unexpected
    return group.create_task(keep_running(run, name=name, on_error=on_error), name=name)


def _ignore(_error: Exception) -> None:
    """Count nowhere but in the log: no source is affected."""


def instance_name(role: str) -> str:
    """Return the name of this process in source reports."""
    return f"{role}-{socket.gethostname()}-{os.getpid()}"
