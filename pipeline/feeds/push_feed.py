"""A source's push feed: all tracked instruments over as few connections as its limits allow, each kept up on its own."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

from instruments.instrument import Instrument
from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.connection_supervisor import ConnectionSupervisor, FeedContext
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import FeedSpec
from pipeline.feeds.push_connection import PushConnection
from pipeline.feeds.sharding import Shards, shard_instruments
from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from pipeline.health import SourceHealth
from pipeline.ports import Cooldown
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited
from rates.symbol import Symbol
from rates.ticker import Ticker

# How often the tracked instruments and the silence of symbols are looked at.
LOOK_S = 0.25

Wishes = Callable[[], Sequence[Instrument]]
Deliver = Callable[[Sequence[Ticker]], None]


class PushFeed:
    """`wishes` answers from memory which instruments are tracked; `deliver` takes what they push, at once.

    `silent_after_s`, `endpoint_rest_s`: as in `StreamSettings`.
    """

    def __init__(
        self,
        plan: FeedSpec,
        read_instruments: Wishes,
        deliver: Deliver,
        health: SourceHealth,
        cooldown: Cooldown,
        *,
        silent_after_s: float,
        endpoint_rest_s: float,
        simulated: bool,
        clock: Clock,
    ) -> None:
        generations = itertools.count(1)

        def open_connection(url: str, rhythm: IntervalStats) -> PushConnection:
            return PushConnection(
                next(generations), plan, url, health, rhythm, simulated=simulated, clock=clock
            )

        self._plan, self._wishes, self._health = plan, read_instruments, health
        self._outfit = FeedContext(
            plan=plan,
            gate=ConnectThrottle(SlidingWindowLimiter(plan.connect_limits), cooldown, clock),
            open_connection=open_connection,
            deliver=deliver,
            health=health,
            clock=clock,
            silent_after_s=silent_after_s,
            endpoint_rest_s=endpoint_rest_s,
        )
        self._shards: Shards = {}
        self._supervisors: dict[int, ConnectionSupervisor] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._reshard(group)
                for lane in self._supervisors.values():
                    lane.check()
                self._tell()
                await asyncio.sleep(LOOK_S)

    def _reshard(self, group: asyncio.TaskGroup) -> None:
        """Follow the tracked instruments."""
        self._shards = shard_instruments(self._wishes(), self._shards, self._plan.instruments_per_connection)
        for number in self._supervisors.keys() - self._shards.keys():
            del self._supervisors[number]
            self._tasks.pop(number).cancel()
        for number, share in self._shards.items():
            lane = self._supervisors.get(number) or ConnectionSupervisor(number, self._outfit)
            lane.track(share)
            if number not in self._supervisors:
                self._supervisors[number] = lane
                self._tasks[number] = group.create_task(lane.run(), name=f"lane {number}")

    def _tell(self) -> None:
        """What people should know."""
        lanes = self._supervisors.values()
        failures = [lane.failure for lane in lanes if lane.failure is not None]
        if any(lane.is_up for lane in lanes) or not lanes:
            self._health.record_success()
            down = (
                f"{len(failures)} of {len(lanes)} connections are down: {failures[0]}" if failures else None
            )
            self._health.set_notice("connections", down)
        elif failures:
            self._health.set_notice("connections", None)
            self._health.record_failure(max(failures, key=_weight))
        elif (retry_at := self._outfit.gate.cooldown_until) is not None:
            said = "another replica was refused"
            self._health.record_failure(SourceRateLimited(self._plan.source, said, retry_at=retry_at))
        silent: dict[Symbol, str] = {}
        for lane in lanes:
            silent |= lane.silent
        self._health.record_silent(silent)


def _weight(failure: SourceError) -> int:
    """What passes by itself before what needs a person, and both before what may be anything."""
    return 2 * isinstance(failure, SourceRateLimited) + isinstance(failure, SourceBlocked)
