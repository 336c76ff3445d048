"""Producers: the tasks that they issue, and failures of their dependencies."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from pipeline.coordination.memory_tick_claim import MemoryTickClaim
from pipeline.ports import Delivery, TaskQueue, TickClaim
from pipeline.producer import Producer
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.task import Task, decode_task
from pipeline.tick import Tick
from pipeline.watchlist import Watchlist
from rates.clock import utc_now
from rates.errors import CacheUnavailable, DatabaseUnavailable, QueueUnavailable
from rates.source import Source
from runtime.heartbeat import Heartbeat
from tests.pipeline.fakes import START, FakeClock, FakeReader, instrument, until

BINANCE = Source.BINANCE
INTERVAL = timedelta(seconds=4)
INSTRUMENTS = [instrument(f"A{number}/USDT") for number in range(50)]


class AwayClaim:
    async def claim(self, source: Source, interval: timedelta, least_left: timedelta = timedelta()) -> Tick:
        raise CacheUnavailable("Redis: away")


class FlakyQueue:
    """A queue that is unavailable on demand."""

    def __init__(self) -> None:
        self.away = True
        self.tasks: list[Task] = []

    async def enqueue(self, tasks: Sequence[Task]) -> None:
        if self.away:
            raise QueueUnavailable("RabbitMQ: away")
        self.tasks += tasks

    def consume(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        raise NotImplementedError

    async def count_dead(self, source: Source) -> int:
        return 0


async def make_producer(
    queue: TaskQueue,
    claim: TickClaim,
    *,
    reader: FakeReader | None = None,
    interval: timedelta = INTERVAL,
    heartbeat: Path | None = None,
    outcomes: list[str | None] | None = None,
) -> Producer:
    watchlist = Watchlist(reader or FakeReader(INSTRUMENTS), refresh=timedelta(seconds=1))
    await watchlist.read()
    return Producer(
        BINANCE,
        interval=interval,
        shard_size=20,
        watchlist=watchlist,
        claim=claim,
        queue=queue,
        heartbeat=Heartbeat(heartbeat),
        on_outcome=None if outcomes is None else outcomes.append,
    )


async def drain(queue: MemoryTaskQueue) -> list[Task]:
    tasks = []
    async with queue.consume(BINANCE) as deliveries:
        while queue.count_ready(BINANCE):
            delivery = await anext(deliveries)
            tasks.append(decode_task(BINANCE, delivery.body))
            await delivery.ack()
    return tasks


async def test_a_tick_issues_all_instruments_in_shards_until_the_next_tick() -> None:
    """50 instruments in tasks of at most 20, with the next tick as their deadline."""
    clock = FakeClock()
    queue = MemoryTaskQueue(clock)
    producer = await make_producer(queue, MemoryTickClaim(clock))
    assert await producer.issue_tick() == 3
    tasks = await drain(queue)
    assert sorted(one.source_symbol for task in tasks for one in task.instruments) == sorted(
        one.source_symbol for one in INSTRUMENTS
    )
    assert {(task.issued_at, task.deadline) for task in tasks} == {(START, START + INTERVAL)}


async def test_two_producers_do_not_double_the_tasks() -> None:
    """One issues the tick, the other finds it claimed; either may issue the next."""
    clock = FakeClock()
    queue, claim = MemoryTaskQueue(clock), MemoryTickClaim(clock)
    producers = [await make_producer(queue, claim) for _ in range(2)]
    assert sorted([await producer.issue_tick() for producer in producers]) == [0, 3]
    clock.advance(seconds=4)
    assert sorted([await producer.issue_tick() for producer in producers]) == [0, 3]


async def test_why_a_tick_was_not_issued_is_told_until_one_is() -> None:
    """For the report of the process: clients read why a polled source gets nothing."""
    clock, queue, outcomes = FakeClock(), FlakyQueue(), list[str | None]()
    producer = await make_producer(queue, MemoryTickClaim(clock), outcomes=outcomes)
    queue.away = True
    await producer.issue_tick()
    queue.away = False
    for _ in range(2):
        clock.advance(seconds=4)
        await producer.issue_tick()
    assert outcomes == ["RabbitMQ: away", None]


async def test_an_unavailable_queue_costs_one_tick(tmp_path: Path) -> None:
    """The next tick is issued as usual. Only a successful tick renews the heartbeat."""
    clock, queue, beat = FakeClock(), FlakyQueue(), tmp_path / "beat"
    producer = await make_producer(queue, MemoryTickClaim(clock), heartbeat=beat)
    assert await producer.issue_tick() == 0
    assert not beat.exists()
    queue.away = False
    clock.advance(seconds=4)
    assert await producer.issue_tick() == 3
    assert beat.exists()


async def test_no_task_is_issued_without_redis() -> None:
    """The claim is unknown, and consumers could not write anyway."""
    clock = FakeClock()
    queue = MemoryTaskQueue(clock)
    producer = await make_producer(queue, AwayClaim())
    assert await producer.issue_tick() == 0
    assert queue.count_ready(BINANCE) == 0


async def test_no_instruments_issue_no_tasks() -> None:
    """An empty watchlist is no error."""
    clock = FakeClock()
    producer = await make_producer(MemoryTaskQueue(clock), MemoryTickClaim(clock), reader=FakeReader([]))
    assert await producer.issue_tick() == 0


async def test_it_issues_every_tick_until_stopped() -> None:
    """No tick is issued twice or skipped."""
    queue, stop = FlakyQueue(), asyncio.Event()
    queue.away = False
    interval = timedelta(milliseconds=50)
    producer = await make_producer(queue, MemoryTickClaim(utc_now), interval=interval)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(producer.run(stop))
        await until(lambda: len(queue.tasks) >= 12)
        stop.set()
    deadlines = sorted({task.deadline for task in queue.tasks})
    assert len(queue.tasks) == 3 * len(deadlines)
    assert all((later - earlier) % interval == timedelta() for earlier, later in pairwise(deadlines))


async def test_a_starting_producer_leaves_a_tick_that_is_nearly_over() -> None:
    """A task about to expire would only cost a call."""
    clock = FakeClock()
    queue = MemoryTaskQueue(clock)
    producer = await make_producer(queue, MemoryTickClaim(clock))
    clock.advance(seconds=2, microseconds=1)
    assert await producer.issue_tick(INTERVAL / 2) == 0
    clock.advance(microseconds=-1)
    assert await producer.issue_tick(INTERVAL / 2) == 3


async def test_it_goes_on_when_the_clock_of_the_ticks_steps(tmp_path: Path) -> None:
    """Tasks and heartbeats go on, back by five minutes as well as ahead by an hour."""
    queue, stop, steps = FlakyQueue(), asyncio.Event(), [timedelta()]
    queue.away = False
    interval = timedelta(milliseconds=50)
    claim = MemoryTickClaim(lambda: utc_now() + steps[-1])
    producer = await make_producer(queue, claim, interval=interval, heartbeat=tmp_path / "beat")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(producer.run(stop))
        for step in (timedelta(minutes=-5), timedelta(hours=1), timedelta(minutes=-20), timedelta()):
            (tmp_path / "beat").unlink(missing_ok=True)
            queue.tasks.clear()
            steps.append(step)
            await until(lambda: len(queue.tasks) >= 9)
            assert (tmp_path / "beat").exists()
        stop.set()


async def test_the_watchlist_picks_up_changes_and_survives_an_unavailable_database() -> None:
    """The last known instruments stay until the database is back."""
    reader = FakeReader(INSTRUMENTS[:1])
    watchlist = Watchlist(reader, refresh=timedelta(milliseconds=5))
    await watchlist.read()
    follower = asyncio.create_task(watchlist.refresh_forever())
    try:
        reader.failure = DatabaseUnavailable("away")
        reader.instruments = INSTRUMENTS[:2]
        count = reader.read_count
        await until(lambda: reader.read_count > count + 2)
        assert watchlist.instruments(BINANCE) == (INSTRUMENTS[0],)
        reader.failure = None
        await until(lambda: watchlist.instruments(BINANCE) == tuple(INSTRUMENTS[:2]))
        assert watchlist.instruments(Source.COINGECKO) == ()
    finally:
        follower.cancel()
        await asyncio.wait([follower])
