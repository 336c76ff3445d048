"""The lag of the event loop: how late its timers fire."""

import asyncio

# A turn that is longer than this is seen, and measured up to this too short.
INTERVAL_S = 0.02
# The longest lag is that of one to two of these.
PERIOD_S = 30.0


class LoopLag:
    """The longest lag of the last half to whole minute, in seconds."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._longest_before = 0.0
        self._period_began = 0.0

    @property
    def longest_s(self) -> float:
        """The longest lag of this period and the one before."""
        return max(self._longest, self._longest_before)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            now = loop.time()
            self.record(now - due, now)

    def record(self, lag_s: float, now: float) -> None:
        """Record the lag of a timer that fired at `now`."""
        if now - self._period_began >= PERIOD_S:
            self._longest_before, self._longest, self._period_began = self._longest, 0.0, now
        self._longest = max(self._longest, lag_s)
