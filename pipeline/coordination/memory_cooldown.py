"""A cooldown within one process, with the same contract as the one in Redis."""

from datetime import timedelta

from pipeline.coordination.block import Block
from rates.clock import Clock


class MemoryCooldown:
    """A `Cooldown` for replicas that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._block = Block()

    async def remaining(self) -> timedelta:
        now = self._clock()
        return max(self._block.until(now) - now, timedelta())

    async def start(self, span: timedelta) -> None:
        self._block.extend(span, self._clock())
