"""One consumer on the in-process queue: what becomes of a task, whatever happens to it."""

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
from rates.clock import utc_now
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


class Bench:
    """A consumer with everything around it."""

    def __init__(self, fetcher: RateFetcher, *, grace: timedelta = timedelta(seconds=5)) -> None:
        self.clock = FakeClock()
        self.queue = MemoryTaskQueue(self.clock)
        self.sink = FakeSink()
        self.health: SourceHealth = health()
        self.consumer = Consumer(
            self.queue,
            fetcher,
            Ingest(self.sink, self.health, max_skew=timedelta(seconds=10), clock=self.clock),
            self.health,
            fetch_timeout=timedelta(seconds=10),
            grace=grace,
            clock=self.clock,
        )

    async def settle_next(self) -> Verdict:
        async with self.queue.consume(BINANCE) as deliveries, asyncio.timeout(10):
            return await self.consumer.settle(await anext(deliveries))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Callable[[], None]]:
        """Run the consumer; yields what asks it to stop, and waits for it in the end."""
        stop = asyncio.Event()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(self.consumer.run(stop))
            yield stop.set
            stop.set()


async def test_a_task_is_fetched_written_and_acknowledged() -> None:
    """The good case."""
    bench = Bench(fetching(ticker(price="5")))
    await bench.queue.enqueue([task()])
    assert await bench.settle_next() is Verdict.DROP
    assert [str(one.price) for one in bench.sink.tickers] == ["5"]
    assert bench.health.state is LinkState.UP
    assert bench.queue.count_ready(BINANCE) == 0


async def test_a_task_at_its_deadline_is_skipped() -> None:
    """The next interval's task asks for the same; the source is not called for nothing."""
    fetcher = FakeFetcher(_nothing)
    bench = Bench(fetcher)
    message = task()
    await bench.queue.enqueue([message])
    async with bench.queue.consume(BINANCE) as deliveries:
        delivery = await anext(deliveries)
        bench.clock.now = message.deadline
        assert await bench.consumer.settle(delivery) is Verdict.DROP
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
async def test_a_refusal_drops_the_task_and_shows_in_the_health(error: RatesError, state: LinkState) -> None:
    """Asking again at once would only make it worse."""
    bench = Bench(failing(error))
    await bench.queue.enqueue([task()])
    assert await bench.settle_next() is Verdict.DROP
    assert bench.health.state is state
    assert str(error) in (bench.health.report(START).reason or "")


async def test_a_failure_gives_the_task_back_once() -> None:
    """Another consumer may have better luck; a second failure is enough."""
    bench = Bench(failing(SourceUnavailable(BINANCE, "connection lost")))
    await bench.queue.enqueue([task()])
    assert await bench.settle_next() is Verdict.REQUEUE
    assert await bench.settle_next() is Verdict.DROP
    assert bench.queue.count_ready(BINANCE) == 0


async def test_a_failure_after_the_deadline_is_not_given_back() -> None:
    """It would come too late for anybody."""
    clock: list[FakeClock] = []

    async def fail_late(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        clock[0].advance(seconds=5)
        raise SourceUnavailable(BINANCE, "too late")

    bench = Bench(FakeFetcher(fail_late))
    clock.append(bench.clock)
    await bench.queue.enqueue([task()])
    assert await bench.settle_next() is Verdict.DROP


async def test_an_absent_cache_gives_the_task_back() -> None:
    """The source delivered, so its health says so; the values are not lost yet."""
    bench = Bench(fetching(ticker()))
    bench.sink.failure = CacheUnavailable("Redis: away")
    await bench.queue.enqueue([task()])
    assert await bench.settle_next() is Verdict.REQUEUE
    assert bench.health.state is LinkState.UP


async def test_a_fetch_ends_at_the_deadline() -> None:
    """A source that never answers holds a consumer no longer than its task is of use."""
    bench = Bench(FakeFetcher(_for_ever))
    await bench.queue.enqueue([task(lives=timedelta(milliseconds=50))])
    assert await bench.settle_next() is Verdict.REQUEUE
    assert "no response" in (bench.health.report(START).reason or "")


async def test_poison_goes_to_the_dead_letters_and_is_noted() -> None:
    """What cannot be read is put aside for a person and shows in the source's health."""
    bench = Bench(fetching())
    bench.queue.enqueue_raw(BINANCE, b"poison", START + timedelta(seconds=4))
    assert await bench.settle_next() is Verdict.DEAD_LETTER
    assert await bench.queue.count_dead(BINANCE) == 1
    assert "1 in the dead-letter queue" in (bench.health.report(START).reason or "")


async def test_a_bug_costs_one_task_not_the_consumer() -> None:
    """The outermost loop puts the task aside and goes on with the next."""
    calls = 0

    async def break_once(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ZeroDivisionError
        return [ticker()]

    bench = Bench(FakeFetcher(break_once))
    await bench.queue.enqueue([task("1"), task("2")])
    async with bench.running():
        await until(lambda: bench.sink.tickers)
    assert await bench.queue.count_dead(BINANCE) == 1


async def test_stopping_finishes_the_task_in_hand() -> None:
    """It is written and acknowledged; the one behind it stays in the queue."""
    may_end = asyncio.Event()

    async def answer(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        await may_end.wait()
        return [ticker()]

    fetcher = FakeFetcher(answer)
    bench = Bench(fetcher)
    await bench.queue.enqueue([task("1"), task("2")])
    async with bench.running() as stop:
        await asyncio.wait_for(fetcher.begun.wait(), 10)
        stop()
        await asyncio.sleep(0)
        may_end.set()
    assert len(bench.sink.batches) == 1
    assert bench.queue.count_ready(BINANCE) == 1
    assert len(fetcher.asked) == 1


async def test_stopping_gives_a_slow_task_back_after_the_grace() -> None:
    """Another consumer does it."""
    fetcher = FakeFetcher(_for_ever)
    bench = Bench(fetcher, grace=timedelta(milliseconds=20))
    await bench.queue.enqueue([task(lives=timedelta(minutes=1))])
    async with bench.running() as stop:
        await asyncio.wait_for(fetcher.begun.wait(), 10)
        stop()
    assert bench.queue.count_ready(BINANCE) == 1
    async with bench.queue.consume(BINANCE) as deliveries:
        assert (await anext(deliveries)).redelivered


async def test_an_idle_consumer_stops_at_once() -> None:
    """There is nothing to wait for."""
    bench = Bench(fetching(), grace=timedelta(hours=1))
    began = utc_now()
    async with bench.running() as stop:
        stop()
    assert utc_now() - began < timedelta(seconds=1)


async def _nothing(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
    return ()


async def _for_ever(_: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
    await asyncio.Event().wait()
    return ()
