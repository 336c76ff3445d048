"""Tick claims within one process, with the same contract as those in Redis."""

from datetime import datetime, timedelta

from rates.clock import Clock
from rates.source import Source


class MemoryTickClaim:
    """A `TickClaim` for replicas that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._claimed: dict[tuple[Source, int], datetime] = {}

    async def claim(self, source: Source, number: int, lifetime: timedelta) -> bool:
        now = self._clock()
        self._claimed = {tick: until for tick, until in self._claimed.items() if until > now}
        if (source, number) in self._claimed:
            return False
        self._claimed[source, number] = now + lifetime
        return True
