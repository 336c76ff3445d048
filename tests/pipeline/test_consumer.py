"""One consumer on the in-process queue, and the outcome of its tasks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from pipeline.consumer import Consumer
from pipeline.health import SourceHealth
from pipeline.ingest import Ingest
from pipeline.ports import RateFetcher
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.task import RequestedInstrument
from rates.error_mapping import Verdict
from rates.errors import (
    CacheUnavailable,
    RatesError,
    SourceBlocked,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.health import LinkState
from rates.source import Source
from rates.ticker import Ticker
from tests.pipeline.fakes import (
    START,
    FakeClock,
    FakeFetcher,
    FakeSink,
    failing,
    fetching,
    health,
    task,
    ticker,
    until,
)

BINANCE = Source.BINANCE


class Harness:
    """A consumer with its dependencies."""

    def __init__(self, fetcher: RateFetcher, *, grace: timedelta = timedelta(seconds=5)) -> None:
        self.clock = FakeClock()
        self.queue: MemoryTaskQueue = MemoryTaskQueue(self.clock)
        self.sink = FakeSink()
        self.health: SourceHealth = health()
        self.consumer = self.new_consumer(fetcher, grace=grace)

    def new_consumer(self, fetcher: RateFetcher, *, grace: timedelta = timedelta(seconds=5)) -> Consumer:
        return Consumer(
            self.queue,
            fetcher,
            Ingest(self.sink, self.health, max_skew=timedelta(seconds=10), clock=self.clock),
            self.health,
            fetch_timeout=timedelta(seconds=10),
            grace=grace,
            clock=self.clock,
        )

    async def settle_next(self) -> Verdict:
        async with self.queue.consume(BINANCE) as deliveries, asyncio.timeout(60):
            return await self.consumer.settle(await anext(deliveries))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Callable[[], None]]:
        """Run the consumer. Yields a function that stops it, and waits for its end on exit."""
        stop = asyncio.Event()
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(self.consumer.run(stop))
            yield stop.set
            stop.set()


async def test_a_task_is_fetched_written_and_acknowledged() -> None:
    """The normal case."""
    harness = Harness(fetching(ticker(price="5")))
    await harness.queue.enqueue([task()])
    assert await harness.settle_next() is Verdict.DROP
    assert [str(one.price) for one in harness.sink.tickers] == ["5"]
    assert harness.health.state is LinkState.UP
    assert harness.queue.count_ready(BINANCE) == 0


async def test_a_task_at_its_deadline_is_skipped() -> None:
    """The next interval's task requests the same, so that the source is not called in vain."""
    fetcher = FakeFetcher(_nothing)
    harness = Harness(fetcher)
    message = task()
    await harness.queue.enqueue([message])
    async with harness.queue.consume(BINANCE) as deliveries:
        delivery = await anext(deliveries)
        harness.clock.now = message.deadline
        assert await harness.consumer.settle(delivery) is Verdict.DROP
    assert fetcher.asked == []


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SourceRateLimited(BINANCE, "slow down", retry_at=START), LinkState.RATE_LIMITED),
        (SourceBlocked(BINANCE, "banned"), LinkState.BLOCKED),
        (SourceProtocolError(BINANCE, "HTML"), LinkState.DOWN),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_rate_limit_drops_the_task_and_shows_in_the_health(
    error: RatesError, state: LinkState
) -> None:
    """Trying again at once would only make it worse."""
    harness = Harness(failing(error))
    await harness.queue.enqueue([task()])
    assert await harness.settle_next() is Verdict.DROP
    assert harness.health.state is state
    assert str(error) in (harness.health.report(START).reason or "")


async def test_a_failed_task_is_requeued_once() -> None:
    """Another consumer may succeed. A second failure drops it."""
    harness = Harness(failing(SourceUnavailable(BINANCE, "connection lost")))
    await harness.queue.enqueue([task()])
    assert await harness.settle_next() is Verdict.REQUEUE
    assert await harness.settle_next() is Verdict.DROP
    assert harness.queue.count_ready(BINANCE) == 0


async def test_a_task_that_fails_after_its_deadline_is_dropped() -> None:
    """Its result would be too late."""
    clock: list[FakeClock] = []

    async def fail_late(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        clock[0].advance(seconds=5)
        raise SourceUnavailable(BINANCE, "too late")

    harness = Harness(FakeFetcher(fail_late))
    clock.append(harness.clock)
    await harness.queue.enqueue([task()])
    assert await harness.settle_next() is Verdict.DROP


async def test_a_task_is_requeued_while_the_cache_is_unavailable() -> None:
    """The source delivered, so that its health is up; the values are not lost yet."""
    harness = Harness(fetching(ticker()))
    harness.sink.failure = CacheUnavailable("Redis: away")
    await harness.queue.enqueue([task()])
    assert await harness.settle_next() is Verdict.REQUEUE
    assert harness.health.state is LinkState.UP


async def test_a_fetch_ends_at_the_deadline() -> None:
    """A source that does not respond blocks a consumer no longer than that."""
    harness = Harness(FakeFetcher(_for_ever))
    await harness.queue.enqueue([task(lives=timedelta(milliseconds=50))])
    assert await harness.settle_next() is Verdict.REQUEUE
    assert "no response" in (harness.health.report(START).reason or "")


async def test_malformed_tasks_are_dead_lettered_and_reported() -> None:
    """They are kept for a person and show in the source's health."""
    harness = Harness(fetching())
    harness.queue.enqueue_raw(BINANCE, b"poison", START + timedelta(seconds=4))
    assert await harness.settle_next() is Verdict.DEAD_LETTER
    assert await harness.queue.count_dead(BINANCE) == 1
    assert "1 in the dead-letter queue" in (harness.health.report(START).reason or "")


async def test_a_bug_costs_one_task_not_the_consumer() -> None:
    """The task is dead-lettered, and the consumer continues."""
    calls = 0

    async def break_once(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError
        return [ticker()]

    harness = Harness(FakeFetcher(break_once))
    await harness.queue.enqueue([task("1"), task("2")])
    async with harness.running():
        await until(lambda: harness.sink.tickers)
    assert await harness.queue.count_dead(BINANCE) == 1


async def test_stopping_finishes_the_current_task() -> None:
    """It is written and acknowledged; the next one stays in the queue."""
    may_end = asyncio.Event()

    async def answer(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        await may_end.wait()
        return [ticker()]

    fetcher = FakeFetcher(answer)
    harness = Harness(fetcher)
    await harness.queue.enqueue([task("1"), task("2")])
    async with harness.running() as stop:
        await asyncio.wait_for(fetcher.begun.wait(), 60)
        stop()
        await asyncio.sleep(0)
        may_end.set()
    assert len(harness.sink.batches) == 1
    assert harness.queue.count_ready(BINANCE) == 1
    assert len(fetcher.asked) == 1


async def test_stopping_requeues_a_slow_task_after_the_grace() -> None:
    """Another consumer does it."""
    fetcher = FakeFetcher(_for_ever)
    harness = Harness(fetcher, grace=timedelta(milliseconds=20))
    await harness.queue.enqueue([task(lives=timedelta(minutes=1))])
    async with harness.running() as stop:
        await asyncio.wait_for(fetcher.begun.wait(), 60)
        stop()
    assert harness.queue.count_ready(BINANCE) == 1
    async with harness.queue.consume(BINANCE) as deliveries:
        assert (await anext(deliveries)).redelivered


async def test_an_idle_consumer_stops_at_once() -> None:
    """It does not use its grace."""
    harness = Harness(fetching(), grace=timedelta(hours=1))
    async with asyncio.timeout(60), harness.running() as stop:
        stop()


async def _nothing(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
    return ()


async def _for_ever(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
    await asyncio.Event().wait()
    return ()


class BrokenQueue(MemoryTaskQueue):
    """A queue whose first two connections fail in a way that no code expects."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.failures: list[Exception] = [ImportError("no such module"), KeyError("frame")]

    async def count_dead(self, source: Source) -> int:
        if self.failures:
            raise self.failures.pop(0)
        return await super().count_dead(source)


async def test_an_unforeseen_exception_of_the_queue_costs_one_connection() -> None:
    """It is counted, and the task is done by the next connection."""
    harness = Harness(fetching(ticker(price="5")))
    harness.queue = BrokenQueue()
    harness.consumer = harness.new_consumer(fetching(ticker(price="5")))
    await harness.queue.enqueue([task()])
    async with harness.running():
        await until(lambda: harness.sink.tickers)
    assert harness.health.unexpected == 2


async def test_an_unforeseen_exception_in_a_task_is_counted() -> None:
    """The task is a dead letter, the consumer goes on with the next."""
    harness = Harness(failing(ImportError("python-socks")))
    await harness.queue.enqueue([task("1"), task("2")])
    async with harness.running():
        await until(lambda: harness.health.unexpected == 2)
    assert await harness.queue.count_dead(BINANCE) == 2
    assert "2 unexpected errors" in (harness.health.report(START).reason or "")
