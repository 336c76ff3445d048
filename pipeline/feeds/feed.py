"""A source's push feed: all tracked instruments over as few connections as its limits allow, each kept up on its own."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

from instruments.instrument import Instrument
from pipeline.feeds.attempts import Attempts
from pipeline.feeds.gate import Gate
from pipeline.feeds.lane import Lane, Outfit
from pipeline.feeds.link import Link
from pipeline.feeds.ports import FeedPlan
from pipeline.feeds.rhythm import Rhythm
from pipeline.feeds.spread import Shares, spread
from pipeline.health import SourceHealth
from pipeline.ports import Hold
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited
from rates.symbol import Symbol
from rates.ticker import Ticker

# How often the tracked instruments and the silence of symbols are looked at.
LOOK_S = 0.25

Wishes = Callable[[], Sequence[Instrument]]
Deliver = Callable[[Sequence[Ticker]], None]


class Feed:
    """`wishes` answers from memory which instruments are tracked; `deliver` takes what they push, at once.

    `silent_after_s`, `endpoint_rest_s`: as in `StreamSettings`.
    """

    def __init__(
        self,
        plan: FeedPlan,
        wishes: Wishes,
        deliver: Deliver,
        health: SourceHealth,
        hold: Hold,
        *,
        silent_after_s: float,
        endpoint_rest_s: float,
        simulated: bool,
        clock: Clock,
    ) -> None:
        generations = itertools.count(1)

        def open_link(url: str, rhythm: Rhythm) -> Link:
            return Link(next(generations), plan, url, health, rhythm, simulated=simulated, clock=clock)

        self._plan, self._wishes, self._health = plan, wishes, health
        self._outfit = Outfit(
            plan=plan,
            gate=Gate(Attempts(plan.attempts), hold, clock),
            open_link=open_link,
            deliver=deliver,
            health=health,
            clock=clock,
            silent_after_s=silent_after_s,
            endpoint_rest_s=endpoint_rest_s,
        )
        self._shares: Shares = {}
        self._lanes: dict[int, Lane] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._share_out(group)
                for lane in self._lanes.values():
                    lane.look()
                self._tell()
                await asyncio.sleep(LOOK_S)

    def _share_out(self, group: asyncio.TaskGroup) -> None:
        """Follow the tracked instruments."""
        self._shares = spread(self._wishes(), self._shares, self._plan.instruments_per_connection)
        for number in self._lanes.keys() - self._shares.keys():
            del self._lanes[number]
            self._tasks.pop(number).cancel()
        for number, share in self._shares.items():
            lane = self._lanes.get(number) or Lane(number, self._outfit)
            lane.track(share)
            if number not in self._lanes:
                self._lanes[number] = lane
                self._tasks[number] = group.create_task(lane.run(), name=f"lane {number}")

    def _tell(self) -> None:
        """What people should know."""
        lanes = self._lanes.values()
        failures = [lane.failure for lane in lanes if lane.failure is not None]
        if any(lane.is_up for lane in lanes) or not lanes:
            self._health.note_success()
            down = (
                f"{len(failures)} of {len(lanes)} connections are down: {failures[0]}" if failures else None
            )
            self._health.note("connections", down)
        elif failures:
            self._health.note("connections", None)
            self._health.note_failure(max(failures, key=_weight))
        elif (retry_at := self._outfit.gate.held_until) is not None:
            said = "another replica was refused"
            self._health.note_failure(SourceRateLimited(self._plan.source, said, retry_at=retry_at))
        silent: dict[Symbol, str] = {}
        for lane in lanes:
            silent |= lane.silent
        self._health.note_silent(silent)


def _weight(failure: SourceError) -> int:
    """What passes by itself before what needs a person, and both before what may be anything."""
    return 2 * isinstance(failure, SourceRateLimited) + isinstance(failure, SourceBlocked)
