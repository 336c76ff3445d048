"""Lets connection attempts through, no more of them than the source allows, and none while it wants to be left alone."""

import asyncio
import random
from datetime import datetime, timedelta

from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from pipeline.ports import Cooldown
from rates.clock import Clock
from runtime.backoff import Jitter

# Replicas that waited for the same moment do not come at the same moment.
SCATTER_S = 1.0


class ConnectThrottle:
    """One for all connections of a process to one source; `hold` is known to the other replicas, too.

    `cooldown_until`: what whoever stands before it waits for, where it is the source's own wish.
    """

    def __init__(
        self,
        attempts: SlidingWindowLimiter,
        cooldown: Cooldown,
        clock: Clock,
        *,
        jitter: Jitter = random.uniform,
    ) -> None:
        self.cooldown_until: datetime | None = None
        self._attempts, self._hold, self._clock, self._jitter = attempts, cooldown, clock, jitter

    async def enter(self) -> None:
        """Wait until a connection may be tried; it counts as tried."""
        while True:
            held = (await self._hold.remaining()).total_seconds()
            now = asyncio.get_running_loop().time()
            wait = self._attempts.delay_s(now)
            self.cooldown_until = self._clock() + timedelta(seconds=held) if held > 0 else None
            if held <= 0 and wait <= 0:
                self._attempts.record(now)
                return
            await asyncio.sleep(max(wait, held + self._jitter(0, SCATTER_S) if held > 0 else 0))

    async def start_cooldown(self, span: timedelta) -> None:
        """The source refused: nobody tries again within `span`."""
        await self._hold.start(span)
