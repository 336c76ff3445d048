"""A hold within one process: the same contract as Redis."""

from datetime import timedelta

from rates.clock import EPOCH, Clock


class MemoryCooldown:
    """A `Cooldown` for replicas that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = EPOCH

    async def remaining(self) -> timedelta:
        return max(self._until - self._clock(), timedelta())

    async def start_cooldown(self, span: timedelta) -> None:
        self._until = max(self._until, self._clock() + span)
