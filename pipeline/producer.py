"""Issues the tasks of one source, tick by tick.

One of several producers issues each tick, and any of them the next.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import structlog

from pipeline.ports import TaskQueue, TickClaim
from pipeline.schedule import make_tasks
from pipeline.tick import Tick
from pipeline.watchlist import Watchlist
from rates.errors import BackendUnavailable
from rates.source import Source
from runtime.heartbeat import Heartbeat

# Without an answer to a claim, the end of the tick is not known.
RETRY_WAIT = timedelta(seconds=5)


class Producer:
    """Issues the tasks of one source every `interval`, of at most `shard_size` instruments each.

    It reads no clock: ticks and their ends come with the claim, waits are on the monotonic clock.
    """

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
        on_outcome: Callable[[str | None], None] | None = None,
    ) -> None:
        """`on_outcome` gets why a tick was not issued, None if it was."""
        self._source = source
        self._interval = interval
        self._shard_size = shard_size
        self._watchlist = watchlist
        self._claim = claim
        self._queue = queue
        self._heartbeat = heartbeat
        self._on_outcome = on_outcome
        self._next_at = 0.0
        self._failed_ticks = 0
        self._log = structlog.get_logger("ratewire.producer").bind(source=source.value)

    async def run(self, stop: asyncio.Event) -> None:
        """Issue every tick until `stop`.

        At the start, issue the tick that has begun only if at least half of its interval is left.
        """
        least_left = self._interval / 2
        while not stop.is_set():
            await self.issue_tick(least_left)
            least_left = timedelta()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_at):
                    await stop.wait()

    async def issue_tick(self, least_left: timedelta = timedelta()) -> int:
        """Issue the tasks of the tick that has begun, unless another producer has.

        Issue none if less than `least_left` of its interval is left. Return how many the queue confirmed.
        """
        loop, enqueued, awaited = asyncio.get_running_loop(), 0, "Redis has not answered the claim"
        # Until the claim tells the end of the tick. Ticks that are missed meanwhile are skipped: their data would be old.
        self._next_at = loop.time() + min(self._interval, RETRY_WAIT).total_seconds()
        try:
            # Both ports bound their own waits. Together they must not run into the next tick.
            async with asyncio.timeout_at(loop.time() + self._interval.total_seconds()) as limit:
                tick = await self._claim.claim(self._source, self._interval, least_left)
                self._next_at = loop.time() + tick.left.total_seconds()
                limit.reschedule(self._next_at)
                awaited = "RabbitMQ has not confirmed the tasks"
                if tick.is_claimed:
                    enqueued = await self._enqueue(tick)
        except BackendUnavailable as exc:
            self._record_failure(str(exc))
        except TimeoutError:
            self._record_failure(f"{awaited} before the next tick")
        else:
            self._record_success(enqueued)
        return enqueued

    async def _enqueue(self, tick: Tick) -> int:
        instruments = self._watchlist.instruments(self._source)
        tasks = make_tasks(instruments, size=self._shard_size, issued_at=tick.now, deadline=tick.ends_at)
        await self._queue.enqueue(tasks)
        return len(tasks)

    def _record_failure(self, error: str) -> None:
        self._failed_ticks += 1
        self._log.warning("tick not issued", error=error, failed=self._failed_ticks)
        if self._on_outcome is not None:
            self._on_outcome(error)

    def _record_success(self, tasks: int) -> None:
        if self._failed_ticks:
            self._log.info("issuing again", failed=self._failed_ticks)
            if self._on_outcome is not None:
                self._on_outcome(None)
        self._failed_ticks = 0
        self._heartbeat.beat()
        self._log.debug("tick", tasks=tasks)
