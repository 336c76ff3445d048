"""Binance's cooldown, shared by all replicas.

Limits count per address, and ignoring them leads to bans.
"""

import asyncio
import random
from datetime import timedelta

from pipeline.coordination.local_cooldown import SCATTER_S
from pipeline.ports import Cooldown
from rates.clock import Clock
from rates.errors import SourceBlocked, SourceError, SourceRateLimited
from rates.source import Source
from runtime.backoff import Jitter


class RefusalCooldown:
    """All replicas share `cooldown`.

    Each keeps the error that it received itself, with Binance's text.
    """

    def __init__(self, cooldown: Cooldown, clock: Clock, *, jitter: Jitter = random.uniform) -> None:
        self._cooldown, self._clock, self._jitter = cooldown, clock, jitter
        self._own_error: SourceRateLimited | SourceBlocked | None = None

    async def check(self) -> None:
        """Check that requests are allowed.

        Raises:
            SourceRateLimited, SourceBlocked: a cooldown is active.
        """
        now, own = self._clock(), self._own_error
        if own is not None and own.retry_at is not None and now < own.retry_at:
            raise own
        if remaining := await self._cooldown.remaining():
            raise SourceRateLimited(Source.BINANCE, "another replica was refused", retry_at=now + remaining)

    async def wait(self) -> None:
        """Wait until requests are allowed."""
        while True:
            remaining_s = (await self._cooldown.remaining()).total_seconds()
            if remaining_s <= 0:
                return
            await asyncio.sleep(remaining_s + self._jitter(0, SCATTER_S))

    async def record(self, error: SourceError) -> None:
        """Start a cooldown if the error gives a time until which requests must stop."""
        if isinstance(error, SourceRateLimited | SourceBlocked) and error.retry_at is not None:
            self._own_error = error
            await self._cooldown.start(max(error.retry_at - self._clock(), timedelta()))
