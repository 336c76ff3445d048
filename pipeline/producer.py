"""Issues one source's tasks, tick by tick; of several producers one issues each tick, and any other fills in at the next."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from pipeline.ports import TaskQueue, TickClaim
from pipeline.schedule import first_tick, shard, tick_number, tick_time
from pipeline.watchlist import Watchlist
from rates.clock import Clock
from rates.errors import BackendUnavailable
from rates.source import Source
from runtime.heartbeat import Heartbeat

# A claim must outlive every producer's idea of its tick, whatever their clocks say; afterwards its key may go.
CLAIM_LIFETIME_TICKS = 10
SHORTEST_CLAIM = timedelta(minutes=1)


class Producer:
    """The schedule of one source: every `interval` tasks of at most `shard_size` of its instruments."""

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
            # Ticks missed while the queue or the cache took its time are not made up for: their data would be old.
            number = max(number, tick_number(self._clock(), self._interval)) + 1

    async def issue_tick(self, number: int) -> int:
        """Issue one tick's tasks, unless another producer has; how many were confirmed."""
        deadline = tick_time(number + 1, self._interval)
        lifetime = max(SHORTEST_CLAIM, CLAIM_LIFETIME_TICKS * self._interval)
        enqueued = 0
        try:
            # Both ports bound their own waits; together they must not run into the next tick.
            async with asyncio.timeout(max((deadline - self._clock()).total_seconds(), 0)):
                if await self._claim.claim(self._source, number, lifetime):
                    enqueued = await self._enqueue(deadline)
        except (BackendUnavailable, TimeoutError) as exc:
            self._note_failure(exc)
        else:
            self._note_success(number, enqueued)
        return enqueued

    async def _enqueue(self, deadline: datetime) -> int:
        instruments = self._watchlist.of(self._source)
        tasks = shard(instruments, size=self._shard_size, issued_at=self._clock(), deadline=deadline)
        await self._queue.enqueue(tasks)
        return len(tasks)

    async def _wait_until(self, moment: datetime, stop: asyncio.Event) -> bool:
        """Wait for the moment; false when `stop` came first."""
        while (remaining := (moment - self._clock()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await stop.wait()
                    return False
        return not stop.is_set()

    def _note_failure(self, exc: Exception) -> None:
        self._failed_ticks += 1
        self._log.warning(
            "tick not issued",
            error=str(exc) or "not confirmed before the next tick",
            failed=self._failed_ticks,
        )

    def _note_success(self, number: int, tasks: int) -> None:
        if self._failed_ticks:
            self._log.info("issuing again", failed=self._failed_ticks)
        self._failed_ticks = 0
        self._heartbeat.beat()
        self._log.debug("tick", number=number, tasks=tasks)
