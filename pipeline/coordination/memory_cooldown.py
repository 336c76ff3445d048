"""A cooldown within one process, with the same contract as the one in Redis."""

from datetime import timedelta

from rates.clock import EPOCH, Clock


class MemoryCooldown:
    """A `Cooldown` for replicas that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = EPOCH

    async def remaining(self) -> timedelta:
        return max(self._until - self._clock(), timedelta())

    async def start(self, span: timedelta) -> None:
        self._until = max(self._until, self._clock() + span)
