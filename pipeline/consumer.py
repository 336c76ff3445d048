"""Works on the tasks of one source, one at a time: fetch, ingest, settle.

Independent of the queue's and source's technology.
"""

import asyncio
from datetime import timedelta

import structlog

from pipeline.health import SourceHealth
from pipeline.ingest import Ingest
from pipeline.ports import Delivery, RateFetcher, TaskQueue
from pipeline.task import Task, decode_task
from rates.clock import Clock
from rates.error_mapping import TASK_VERDICTS, Verdict
from rates.errors import QueueUnavailable, RatesError, SetupError, SourceError, SourceUnavailable
from runtime.backoff import Backoff
from runtime.clock.clock_state import ClockState

FIRST_QUEUE_WAIT = timedelta(milliseconds=200)
LONGEST_QUEUE_WAIT = timedelta(seconds=5)
# A task may wait this long between its delivery and this process, and clocks differ by less.
CLOCK_TOLERANCE = timedelta(seconds=5)
CLOCK_POLL_S = 1.0
CLOCKS_DISAGREE = "the clocks of the producer and of this process disagree on a task's deadline"


class Consumer:
    """One replica.

    `grace`: how long the current task may take after the process was asked to stop. `clock` is the one that dates tasks. With a
    machine's clock that is too wrong to be corrected, it takes no tasks and returns those that it has.
    """

    def __init__(
        self,
        queue: TaskQueue,
        fetcher: RateFetcher,
        ingest: Ingest,
        health: SourceHealth,
        *,
        fetch_timeout: timedelta,
        grace: timedelta,
        clock: Clock,
        clock_state: ClockState | None = None,
    ) -> None:
        self._queue = queue
        self._fetcher = fetcher
        self._ingest = ingest
        self._health = health
        self._fetch_timeout = fetch_timeout
        self._grace = grace
        self._clock = clock
        self._clock_state = clock_state or ClockState()
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = structlog.get_logger("ratewire.consumer").bind(source=health.source.value)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then finish the current task or return it to the queue.

        It is returned if it takes longer than the grace. An unforeseen exception costs one task or one connection to the queue.

        Raises:
            SetupError: the queue is misconfigured.
        """
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work_forever(stop), name="consumer")
            await stop.wait()
            try:
                async with asyncio.timeout(self._grace.total_seconds()):
                    await self._idle.wait()
            except TimeoutError:
                self._log.warning("giving the task in hand back", grace_s=self._grace.total_seconds())
            work.cancel()

    async def _work_forever(self, stop: asyncio.Event) -> None:
        backoff = Backoff(FIRST_QUEUE_WAIT, LONGEST_QUEUE_WAIT)
        while not stop.is_set():
            try:
                await self._wait_for_clock(stop)
                await self._work_while_connected(stop, backoff)
            except QueueUnavailable as exc:
                self._health.set_notice("queue", str(exc))
                await asyncio.sleep(backoff.next_wait().total_seconds())
            except SetupError:
                raise
            except Exception as exc:  # noqa: BLE001  # the outermost loop: the next connection may work
                self._health.record_unexpected(exc)
                self._log.exception("unexpected error at the queue", count=self._health.unexpected)
                await asyncio.sleep(backoff.next_wait().total_seconds())

    async def _wait_for_clock(self, stop: asyncio.Event) -> None:
        """Take no tasks while the clock cannot be corrected: others do them."""
        while not self._clock_state.is_fit and not stop.is_set():
            self._health.set_notice("clock", self._clock_state.problem)
            await asyncio.sleep(CLOCK_POLL_S)
        self._health.set_notice("clock", None)

    async def _work_while_connected(self, stop: asyncio.Event, backoff: Backoff) -> None:
        source = self._health.source
        async with self._queue.consume(source) as deliveries:
            self._health.set_notice("queue", None)
            await self._check_dead_letters()
            async for delivery in deliveries:
                if stop.is_set() or not self._clock_state.is_fit:
                    # Leaving the queue returns the task.
                    return
                backoff.reset()
                self._idle.clear()
                try:
                    await self.settle(delivery)
                except QueueUnavailable:
                    raise
                except Exception as exc:  # noqa: BLE001  # the outermost loop: one bad task must not end the others
                    self._health.record_unexpected(exc)
                    count = self._health.unexpected
                    self._log.exception("unexpected error in a task", body=delivery.body[:200], count=count)
                    await delivery.dead_letter()
                    await self._check_dead_letters()
                finally:
                    self._idle.set()

    async def settle(self, delivery: Delivery) -> Verdict:
        """Work on one task and settle its message.

        Raises:
            QueueUnavailable: the queue was lost; it will deliver the task again.
        """
        verdict, reason = await self._run_task(delivery)
        match verdict:
            case Verdict.DROP:
                await delivery.ack()
            case Verdict.REQUEUE:
                await delivery.requeue()
            case Verdict.DEAD_LETTER:
                await delivery.dead_letter()
                self._log.error("dead letter", reason=reason, body=delivery.body[:200])
                await self._check_dead_letters()
        return verdict

    async def _run_task(self, delivery: Delivery) -> tuple[Verdict, str]:
        task: Task | None = None
        try:
            task = decode_task(self._health.source, delivery.body)
            left = self._time_left(task)
            self._health.set_notice("tasks", CLOCKS_DISAGREE if left is None else None)
            if left is None and not delivery.redelivered:
                return Verdict.REQUEUE, CLOCKS_DISAGREE
            if left is not None and left <= timedelta():
                self._log.debug("skipped, past its deadline", task=task.id)
            else:
                await self._fetch_and_write(task, task.lifetime if left is None else left)
        except RatesError as exc:
            self._log.warning("task failed", task=task and task.id, error=str(exc))
            return self._verdict_on(exc, task, delivery), str(exc)
        return Verdict.DROP, "done"

    def _time_left(self, task: Task) -> timedelta | None:
        """Return the time until the deadline; `None` if producer and consumer disagree.

        The queue delivers no expired task, so that the present must be within the task's life.
        """
        now = self._clock()
        is_within = task.issued_at - CLOCK_TOLERANCE <= now <= task.deadline + CLOCK_TOLERANCE
        return task.deadline - now if is_within else None

    async def _fetch_and_write(self, task: Task, left: timedelta) -> None:
        remaining = min(self._fetch_timeout, left).total_seconds()
        try:
            async with asyncio.timeout(remaining):
                tickers = await self._fetcher.fetch(task.instruments)
        except TimeoutError as exc:
            error = SourceUnavailable(task.source, f"no response within {remaining:.1f} s")
            self._health.record_failure(error)
            raise error from exc
        except SourceError as exc:
            self._health.record_failure(exc)
            raise
        self._health.record_success()
        stored = await self._ingest.write(tickers)
        self._log.debug("task done", task=task.id, fetched=len(tickers), stored=stored)

    def _verdict_on(self, error: RatesError, task: Task | None, delivery: Delivery) -> Verdict:
        verdict = TASK_VERDICTS[type(error)]
        if verdict is not Verdict.REQUEUE:
            return verdict
        in_time = task is not None and (self._time_left(task) or timedelta()) > timedelta()
        return verdict if in_time and not delivery.redelivered else Verdict.DROP

    async def _check_dead_letters(self) -> None:
        count = await self._queue.count_dead(self._health.source)
        self._health.set_notice("dead letters", f"{count} in the dead-letter queue" if count else None)
