"""Until when Binance wants to be left alone, by all replicas: limits are counted per address, and who goes on is banned."""

import asyncio
import random
from datetime import timedelta

from pipeline.ports import Cooldown
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited
from rates.source import Source
from runtime.backoff import Jitter

# Replicas that waited for the same moment do not come back at the same moment.
SCATTER_S = 1.0


class RefusalCooldown:
    """`hold` is shared by the replicas; what it was told itself, each remembers in Binance's words."""

    def __init__(self, cooldown: Cooldown, clock: Clock, *, jitter: Jitter = random.uniform) -> None:
        self._hold, self._clock, self._jitter = cooldown, clock, jitter
        self._own: SourceRateLimited | SourceBlocked | None = None

    async def check(self) -> None:
        """Whether anything may be asked.

        Raises:
            SourceRateLimited, SourceBlocked: not yet.
        """
        now, own = self._clock(), self._own
        if own is not None and own.retry_at is not None and now < own.retry_at:
            raise own
        if held := await self._hold.remaining():
            raise SourceRateLimited(Source.BINANCE, "another replica was refused", retry_at=now + held)

    async def end(self) -> None:
        """Wait until something may be asked."""
        while True:
            held = (await self._hold.remaining()).total_seconds()
            if held <= 0:
                return
            await asyncio.sleep(held + self._jitter(0, SCATTER_S))

    async def note(self, error: SourceError) -> None:
        """A failure; where it is a refusal that says until when, nobody asks before."""
        if isinstance(error, SourceRateLimited | SourceBlocked) and error.retry_at is not None:
            self._own = error
            await self._hold.start(max(error.retry_at - self._clock(), timedelta()))
