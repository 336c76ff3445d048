"""Lets connection attempts through, no more of them than the source allows, and none while it wants to be left alone."""

import asyncio
import random
from datetime import datetime, timedelta

from pipeline.backoff import Jitter
from pipeline.feeds.attempts import Attempts
from pipeline.ports import Hold
from rates.clock import Clock

# Replicas that waited for the same moment do not come at the same moment.
SCATTER_S = 1.0


class Gate:
    """One for all connections of a process to one source; `hold` is known to the other replicas, too.

    `held_until`: what whoever stands before it waits for, where it is the source's own wish.
    """

    def __init__(
        self, attempts: Attempts, hold: Hold, clock: Clock, *, jitter: Jitter = random.uniform
    ) -> None:
        self.held_until: datetime | None = None
        self._attempts, self._hold, self._clock, self._jitter = attempts, hold, clock, jitter

    async def enter(self) -> None:
        """Wait until a connection may be tried; it counts as tried."""
        while True:
            held = (await self._hold.remaining()).total_seconds()
            now = asyncio.get_running_loop().time()
            wait = self._attempts.wait(now)
            self.held_until = self._clock() + timedelta(seconds=held) if held > 0 else None
            if held <= 0 and wait <= 0:
                self._attempts.note(now)
                return
            await asyncio.sleep(max(wait, held + self._jitter(0, SCATTER_S) if held > 0 else 0))

    async def hold_for(self, span: timedelta) -> None:
        """The source refused: nobody tries again within `span`."""
        await self._hold.hold_for(span)
