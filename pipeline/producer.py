"""Issues the tasks of one source, tick by tick.

One of several producers issues each tick, and any of them the next.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from pipeline.ports import TaskQueue, TickClaim
from pipeline.schedule import first_tick, make_tasks, tick_number, tick_time
from pipeline.watchlist import Watchlist
from rates.clock import Clock
from rates.errors import BackendUnavailable
from rates.source import Source
from runtime.heartbeat import Heartbeat

# A claim must outlive its tick by the clocks of all producers, however far they differ. Afterwards its key may expire.
CLAIM_LIFETIME_TICKS = 10
MIN_CLAIM_LIFETIME = timedelta(minutes=1)


class Producer:
    """Issues the tasks of one source every `interval`, of at most `shard_size` instruments each."""

    def __init__(
        self,
        source: Source,
        *,
        interval: timedelta,
        shard_size: int,
        watchlist: Watchlist,
        claim: TickClaim,
        queue: TaskQueue,
        heartbeat: Heartbeat,
        clock: Clock,
    ) -> None:
        self._source = source
        self._interval = interval
        self._shard_size = shard_size
        self._watchlist = watchlist
        self._claim = claim
        self._queue = queue
        self._heartbeat = heartbeat
        self._clock = clock
        self._failed_ticks = 0
        self._log = structlog.get_logger("ratewire.producer").bind(source=source.value)

    async def run(self, stop: asyncio.Event) -> None:
        """Issue every tick from now on, until `stop`."""
        number = first_tick(self._clock(), self._interval)
        while await self._wait_until(tick_time(number, self._interval), stop):
            await self.issue_tick(number)
            # Ticks that were missed while the queue or the cache was slow are skipped: their data would be old.
            number = max(number, tick_number(self._clock(), self._interval)) + 1

    async def issue_tick(self, number: int) -> int:
        """Issue the tasks of one tick, unless another producer has.

        Returns how many the queue confirmed.
        """
        deadline = tick_time(number + 1, self._interval)
        lifetime = max(MIN_CLAIM_LIFETIME, CLAIM_LIFETIME_TICKS * self._interval)
        enqueued = 0
        try:
            # Both ports bound their own waits. Together they must not run into the next tick.
            async with asyncio.timeout(max((deadline - self._clock()).total_seconds(), 0)):
                if await self._claim.claim(self._source, number, lifetime):
                    enqueued = await self._enqueue(deadline)
        except (BackendUnavailable, TimeoutError) as exc:
            self._record_failure(exc)
        else:
            self._record_success(number, enqueued)
        return enqueued

    async def _enqueue(self, deadline: datetime) -> int:
        instruments = self._watchlist.instruments(self._source)
        tasks = make_tasks(instruments, size=self._shard_size, issued_at=self._clock(), deadline=deadline)
        await self._queue.enqueue(tasks)
        return len(tasks)

    async def _wait_until(self, at: datetime, stop: asyncio.Event) -> bool:
        """Wait until `at`. Returns false if `stop` was set first."""
        while (remaining := (at - self._clock()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await stop.wait()
                    return False
        return not stop.is_set()

    def _record_failure(self, exc: Exception) -> None:
        self._failed_ticks += 1
        self._log.warning(
            "tick not issued",
            error=str(exc) or "not confirmed before the next tick",
            failed=self._failed_ticks,
        )

    def _record_success(self, number: int, tasks: int) -> None:
        if self._failed_ticks:
            self._log.info("issuing again", failed=self._failed_ticks)
        self._failed_ticks = 0
        self._heartbeat.beat()
        self._log.debug("tick", number=number, tasks=tasks)
