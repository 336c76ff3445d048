"""Tick claims within one process, with the same contract as those in Redis."""

from datetime import timedelta

from pipeline.tick import Tick, tick_number, tick_time
from rates.clock import Clock
from rates.source import Source


class MemoryTickClaim:
    """A `TickClaim` for replicas that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._claimed: dict[Source, int] = {}

    async def claim(self, source: Source, interval: timedelta, least_left: timedelta = timedelta()) -> Tick:
        now = self._clock()
        number = tick_number(now, interval)
        ends_at = tick_time(number + 1, interval)
        is_claimed = ends_at - now >= least_left and self._claimed.get(source) != number
        if is_claimed:
            self._claimed[source] = number
        return Tick(is_claimed=is_claimed, now=now, ends_at=ends_at)
