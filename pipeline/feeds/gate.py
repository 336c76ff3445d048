"""Lets connection attempts through, no more of them than the source allows, and none while it wants to be left alone."""

import asyncio
import random
from datetime import timedelta

from pipeline.backoff import Jitter
from pipeline.feeds.attempts import Attempts
from pipeline.ports import Hold

# Replicas that waited for the same moment do not come at the same moment.
SCATTER_S = 1.0


class Gate:
    """One for all connections of a process to one source; `hold` is known to the other replicas, too."""

    def __init__(self, attempts: Attempts, hold: Hold, *, jitter: Jitter = random.uniform) -> None:
        self._attempts, self._hold, self._jitter = attempts, hold, jitter

    async def enter(self) -> None:
        """Wait until a connection may be tried; it counts as tried."""
        while True:
            held = (await self._hold.remaining()).total_seconds()
            now = asyncio.get_running_loop().time()
            wait = self._attempts.wait(now)
            if held <= 0 and wait <= 0:
                self._attempts.note(now)
                return
            await asyncio.sleep(max(wait, held + self._jitter(0, SCATTER_S) if held > 0 else 0))

    async def hold_for(self, span: timedelta) -> None:
        """The source refused: nobody tries again within `span`."""
        await self._hold.hold_for(span)
