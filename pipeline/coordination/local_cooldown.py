"""A shared cooldown with a local copy, which applies even while Redis is unavailable."""

from datetime import timedelta

import structlog

from pipeline.coordination.memory_cooldown import MemoryCooldown
from pipeline.ports import Cooldown
from rates.clock import Clock
from rates.errors import CacheUnavailable

# Spreads the attempts of replicas that waited for the end of the same cooldown.
SCATTER_S = 1.0


class LocalCooldown:
    """A `Cooldown` that never fails. It uses `shared` whenever that can be reached."""

    def __init__(self, shared: Cooldown, clock: Clock) -> None:
        self._shared, self._own = shared, MemoryCooldown(clock)
        self._log = structlog.get_logger("ratewire.hold")

    async def remaining(self) -> timedelta:
        own = await self._own.remaining()
        try:
            return max(own, await self._shared.remaining())
        except CacheUnavailable as exc:
            self._log.debug("cannot read the shared cooldown", error=str(exc))
            return own

    async def start(self, span: timedelta) -> None:
        await self._own.start(span)
        try:
            await self._shared.start(span)
        except CacheUnavailable as exc:
            self._log.warning("cannot tell the other replicas", error=str(exc), hold_s=span.total_seconds())
