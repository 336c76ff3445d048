"""Contract of the task queue, run against the RabbitMQ and in-memory implementations."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Protocol

import aio_pika
import pytest

from pipeline.ports import Delivery, TaskQueue
from pipeline.queue.memory import MemoryTaskQueue
from pipeline.queue.names import MAX_TASKS, dead_queue_name, queue_name
from pipeline.queue.rabbitmq import RabbitTaskQueue
from pipeline.task import RequestedInstrument, Task, decode_task
from rates.clock import utc_now
from rates.errors import MalformedTask
from rates.source import Source
from rates.symbol import Symbol
from tests.pipeline.fakes import eventually

PATIENCE_S = 60
BINANCE = Source.BINANCE


class Broker(Protocol):
    """A task queue, plus raw access for tests."""

    @property
    def queue(self) -> TaskQueue: ...

    async def put_raw(self, body: bytes) -> None: ...

    async def count_ready(self) -> int: ...


class MemoryBroker:
    def __init__(self) -> None:
        self.queue = MemoryTaskQueue(utc_now)

    async def put_raw(self, body: bytes) -> None:
        self.queue.enqueue_raw(BINANCE, body, utc_now() + timedelta(minutes=1))

    async def count_ready(self) -> int:
        return self.queue.count_ready(BINANCE)


class RabbitBroker:
    def __init__(self, url: str) -> None:
        self.queue = RabbitTaskQueue(url, Source, clock=utc_now)
        self._url = url

    async def put_raw(self, body: bytes) -> None:
        async with await aio_pika.connect(self._url) as connection, connection.channel() as channel:
            await channel.default_exchange.publish(aio_pika.Message(body), queue_name(BINANCE))

    async def count_ready(self) -> int:
        async with await aio_pika.connect(self._url) as connection, connection.channel() as channel:
            queue = await channel.declare_queue(queue_name(BINANCE), passive=True)
            return queue.declaration_result.message_count or 0

    async def purge(self) -> None:
        async with await aio_pika.connect(self._url) as connection, connection.channel() as channel:
            for source in Source:
                for name in (queue_name(source), dead_queue_name(source)):
                    await (await channel.get_queue(name)).purge()


@pytest.fixture(params=["memory", "rabbitmq"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """An empty queue."""
    if request.param == "memory":
        yield MemoryBroker()
        return
    rabbit = RabbitBroker(request.getfixturevalue("amqp_url"))
    await rabbit.queue.connect()
    await rabbit.purge()
    yield rabbit
    await rabbit.queue.close()


def task(name: str = "1", *, source: Source = BINANCE, lives: timedelta = timedelta(seconds=30)) -> Task:
    now = utc_now()
    wanted = (
        RequestedInstrument(Symbol("BTC", "USDT"), "BTCUSDT"),
        RequestedInstrument(Symbol("ETH", "USDT"), "ETHUSDT"),
    )
    return Task(id=name, source=source, instruments=wanted, issued_at=now, deadline=now + lives)


async def receive(deliveries: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(deliveries)


async def test_a_task_arrives_as_it_was_sent(broker: Broker) -> None:
    """The decoded task equals the enqueued one, including microseconds."""
    sent = task()
    await broker.queue.enqueue([sent])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert decode_task(BINANCE, delivery.body) == sent
        assert not delivery.redelivered
        await delivery.ack()


async def test_enqueue_returns_only_when_the_tasks_are_in_the_queue(broker: Broker) -> None:
    """A consumer that connects later receives all of them."""
    await broker.queue.enqueue([task(str(number)) for number in range(5)])
    assert await broker.count_ready() == 5


async def test_sources_do_not_share_a_queue(broker: Broker) -> None:
    """A consumer receives the tasks of its own source only."""
    await broker.queue.enqueue([task("theirs", source=Source.COINGECKO), task("ours")])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert decode_task(BINANCE, delivery.body).id == "ours"
        await delivery.ack()


async def test_replicas_share_the_tasks(broker: Broker) -> None:
    """Two consumers receive different tasks."""
    await broker.queue.enqueue([task("1"), task("2")])
    async with broker.queue.consume(BINANCE) as one, broker.queue.consume(BINANCE) as other:
        held = [await receive(one), await receive(other)]
        assert {decode_task(BINANCE, delivery.body).id for delivery in held} == {"1", "2"}
        for delivery in held:
            await delivery.ack()


async def test_a_consumer_holds_one_task_at_a_time(broker: Broker) -> None:
    """Tasks that it has not received stay available for others."""
    await broker.queue.enqueue([task("1"), task("2"), task("3")])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert await broker.count_ready() == 2
        await delivery.ack()


async def test_an_acknowledged_task_is_gone(broker: Broker) -> None:
    """It is not delivered again after the consumer disconnects."""
    await broker.queue.enqueue([task()])
    async with broker.queue.consume(BINANCE) as deliveries:
        await (await receive(deliveries)).ack()
    assert await broker.count_ready() == 0


async def test_a_requeued_task_is_delivered_again_as_redelivered(broker: Broker) -> None:
    """The flag tells a consumer that the task was tried before."""
    await broker.queue.enqueue([task()])
    async with broker.queue.consume(BINANCE) as deliveries:
        await (await receive(deliveries)).requeue()
        again = await receive(deliveries)
        assert again.redelivered
        await again.ack()


async def test_an_unacknowledged_task_is_redelivered_after_its_consumer_disconnects(broker: Broker) -> None:
    """No task is lost when a consumer stops or dies."""
    await broker.queue.enqueue([task()])
    async with broker.queue.consume(BINANCE) as deliveries:
        await receive(deliveries)
    async with broker.queue.consume(BINANCE) as deliveries:
        again = await receive(deliveries)
        assert again.redelivered
        await again.ack()


async def test_a_cancelled_consumer_returns_its_task(broker: Broker) -> None:
    """Cancellation during the work counts as a disconnect."""
    await broker.queue.enqueue([task()])
    received = asyncio.Event()

    async def work() -> None:
        async with broker.queue.consume(BINANCE) as deliveries:
            await receive(deliveries)
            received.set()
            await asyncio.Event().wait()

    worker = asyncio.create_task(work())
    async with asyncio.timeout(PATIENCE_S):
        await received.wait()
    worker.cancel()
    await asyncio.wait([worker])

    async def is_returned() -> bool:
        return await broker.count_ready() == 1

    await eventually(is_returned)


async def test_a_task_expires_at_its_deadline(broker: Broker) -> None:
    """A queue without consumers does not grow."""
    await broker.queue.enqueue([task("short", lives=timedelta(milliseconds=300))])

    async def is_gone() -> bool:
        return await broker.count_ready() == 0

    await eventually(is_gone)
    await broker.queue.enqueue([task("next")])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert decode_task(BINANCE, delivery.body).id == "next"
        await delivery.ack()


async def test_an_expired_task_is_not_dead_lettered(broker: Broker) -> None:
    """The dead-letter queue holds only messages that a person must look at."""
    await broker.queue.enqueue([task(lives=timedelta(milliseconds=200))])

    async def is_gone() -> bool:
        return await broker.count_ready() == 0

    await eventually(is_gone)
    assert await broker.queue.count_dead(BINANCE) == 0


async def test_dead_letters_are_counted(broker: Broker) -> None:
    """A malformed message leaves the queue and is counted once."""
    await broker.put_raw(b"poison")
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        with pytest.raises(MalformedTask):
            decode_task(BINANCE, delivery.body)
        await delivery.dead_letter()

        async def is_counted() -> bool:
            return await broker.queue.count_dead(BINANCE) == 1

        await eventually(is_counted)
    assert await broker.count_ready() == 0
    assert await broker.queue.count_dead(Source.COINGECKO) == 0


async def test_a_full_queue_drops_its_oldest_tasks(broker: Broker) -> None:
    """The queue is bounded; dropped tasks are not dead-lettered."""
    await broker.queue.enqueue([task(str(number)) for number in range(MAX_TASKS + 20)])
    assert await broker.count_ready() == MAX_TASKS
    assert await broker.queue.count_dead(BINANCE) == 0


async def test_enqueueing_no_tasks_does_nothing(broker: Broker) -> None:
    """A tick without instruments leaves the queue empty."""
    await broker.queue.enqueue([])
    assert await broker.count_ready() == 0


def test_queue_names_match_the_contract() -> None:
    """Including the given spelling `coingeko_parser`."""
    assert [queue_name(Source.BINANCE), queue_name(Source.COINGECKO)] == ["binance_parser", "coingeko_parser"]
