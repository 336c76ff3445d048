"""A shared hold that this process obeys even while the cache is away: what it was told itself, it remembers itself."""

from datetime import timedelta

import structlog

from pipeline.hold.memory_hold import MemoryHold
from pipeline.ports import Hold
from rates.clock import Clock
from rates.errors import CacheUnavailable


class RememberedHold:
    """A `Hold` that never fails; `shared` is asked when it can be."""

    def __init__(self, shared: Hold, clock: Clock) -> None:
        self._shared, self._own = shared, MemoryHold(clock)
        self._log = structlog.get_logger("ratewire.hold")

    async def remaining(self) -> timedelta:
        own = await self._own.remaining()
        try:
            return max(own, await self._shared.remaining())
        except CacheUnavailable as exc:
            self._log.debug("cannot ask whether others were refused", error=str(exc))
            return own

    async def hold_for(self, span: timedelta) -> None:
        await self._own.hold_for(span)
        try:
            await self._shared.hold_for(span)
        except CacheUnavailable as exc:
            self._log.warning("cannot tell the other replicas", error=str(exc), hold_s=span.total_seconds())
