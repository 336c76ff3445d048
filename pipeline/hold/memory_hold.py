"""A hold within one process: the same contract as Redis."""

from datetime import timedelta

from rates.clock import EPOCH, Clock


class MemoryHold:
    """A `Hold` for replicas that share one object of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = EPOCH

    async def remaining(self) -> timedelta:
        return max(self._until - self._clock(), timedelta())

    async def hold_for(self, span: timedelta) -> None:
        self._until = max(self._until, self._clock() + span)
