"""Delays connection attempts to stay within the source's limits and cooldowns."""

import asyncio
import random
from datetime import datetime, timedelta

from pipeline.coordination.local_cooldown import SCATTER_S
from pipeline.feeds.sliding_window_limiter import SlidingWindowLimiter
from pipeline.ports import Cooldown
from rates.clock import Clock
from runtime.backoff import Jitter


class ConnectThrottle:
    """Shared by all connections of a process to one source. All replicas share `cooldown`.

    `cooldown_until`: the end of the cooldown that an attempt is waiting for, `None` if there is none.
    """

    def __init__(
        self,
        limiter: SlidingWindowLimiter,
        cooldown: Cooldown,
        clock: Clock,
        *,
        jitter: Jitter = random.uniform,
    ) -> None:
        self.cooldown_until: datetime | None = None
        self._limiter, self._cooldown, self._clock, self._jitter = limiter, cooldown, clock, jitter

    async def acquire(self) -> None:
        """Wait until a connection may be attempted, and count the attempt."""
        while True:
            cooldown_s = (await self._cooldown.remaining()).total_seconds()
            now = asyncio.get_running_loop().time()
            delay_s = self._limiter.delay_s(now)
            self.cooldown_until = self._clock() + timedelta(seconds=cooldown_s) if cooldown_s > 0 else None
            if cooldown_s <= 0 and delay_s <= 0:
                self._limiter.record(now)
                return
            scattered_s = cooldown_s + self._jitter(0, SCATTER_S) if cooldown_s > 0 else 0
            await asyncio.sleep(max(delay_s, scattered_s))

    async def start_cooldown(self, span: timedelta) -> None:
        """Stop all replicas from connecting for `span`, because the source rejected this one."""
        await self._cooldown.start(span)
