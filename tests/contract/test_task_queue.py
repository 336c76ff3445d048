"""One suite on both task queues: what RabbitMQ and the in-process queue promise to producers and consumers alike."""

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
from pipeline.task import Task, Wanted, decode_task
from rates.clock import utc_now
from rates.errors import MalformedTask
from rates.source import Source
from rates.symbol import Symbol
from tests.pipeline.fakes import eventually

PATIENCE_S = 10
BINANCE = Source.BINANCE


class Broker(Protocol):
    """A queue of either kind, with what tests need to see and do besides."""

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
    """A new, empty queue of either kind."""
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
    wanted = (Wanted(Symbol("BTC", "USDT"), "BTCUSDT"), Wanted(Symbol("ETH", "USDT"), "ETHUSDT"))
    return Task(id=name, source=source, wanted=wanted, issued_at=now, deadline=now + lives)


async def receive(deliveries: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(deliveries)


async def test_a_task_arrives_as_it_was_sent(broker: Broker) -> None:
    """What a consumer decodes equals what a producer enqueued, to the microsecond."""
    sent = task()
    await broker.queue.enqueue([sent])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert decode_task(BINANCE, delivery.body) == sent
        assert not delivery.redelivered
        await delivery.ack()


async def test_enqueued_means_in_the_queue(broker: Broker) -> None:
    """When `enqueue` returns, all tasks are where a consumer that comes later finds them."""
    await broker.queue.enqueue([task(str(number)) for number in range(5)])
    assert await broker.count_ready() == 5


async def test_sources_do_not_share_a_queue(broker: Broker) -> None:
    """A consumer sees the tasks of its own source only."""
    await broker.queue.enqueue([task("theirs", source=Source.COINGECKO), task("ours")])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert decode_task(BINANCE, delivery.body).id == "ours"
        await delivery.ack()


async def test_replicas_share_the_tasks(broker: Broker) -> None:
    """Two consumers with one task each in hand hold different tasks."""
    await broker.queue.enqueue([task("1"), task("2")])
    async with broker.queue.consume(BINANCE) as one, broker.queue.consume(BINANCE) as other:
        held = [await receive(one), await receive(other)]
        assert {decode_task(BINANCE, delivery.body).id for delivery in held} == {"1", "2"}
        for delivery in held:
            await delivery.ack()


async def test_a_consumer_holds_one_task_at_a_time(broker: Broker) -> None:
    """What one consumer has not begun is free for others."""
    await broker.queue.enqueue([task("1"), task("2"), task("3")])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert await broker.count_ready() == 2
        await delivery.ack()


async def test_an_acknowledged_task_is_gone(broker: Broker) -> None:
    """Nobody gets it again, not even after the consumer has left."""
    await broker.queue.enqueue([task()])
    async with broker.queue.consume(BINANCE) as deliveries:
        await (await receive(deliveries)).ack()
    assert await broker.count_ready() == 0


async def test_a_requeued_task_comes_again_marked_as_such(broker: Broker) -> None:
    """So a consumer can tell that it was tried before."""
    await broker.queue.enqueue([task()])
    async with broker.queue.consume(BINANCE) as deliveries:
        await (await receive(deliveries)).requeue()
        again = await receive(deliveries)
        assert again.redelivered
        await again.ack()


async def test_an_unsettled_task_is_given_back_when_its_consumer_goes(broker: Broker) -> None:
    """A consumer that stops, or dies, with a task in hand loses nothing."""
    await broker.queue.enqueue([task()])
    async with broker.queue.consume(BINANCE) as deliveries:
        await receive(deliveries)
    async with broker.queue.consume(BINANCE) as deliveries:
        again = await receive(deliveries)
        assert again.redelivered
        await again.ack()


async def test_a_cancelled_consumer_gives_its_task_back(broker: Broker) -> None:
    """Cancellation in the middle of the work counts as going."""
    await broker.queue.enqueue([task()])
    in_hand = asyncio.Event()

    async def work() -> None:
        async with broker.queue.consume(BINANCE) as deliveries:
            await receive(deliveries)
            in_hand.set()
            await asyncio.Event().wait()

    worker = asyncio.create_task(work())
    async with asyncio.timeout(PATIENCE_S):
        await in_hand.wait()
    worker.cancel()
    await asyncio.wait([worker])

    async def is_back() -> bool:
        return await broker.count_ready() == 1

    await eventually(is_back)


async def test_a_task_is_gone_at_its_deadline(broker: Broker) -> None:
    """A queue that nobody consumes does not grow: tasks expire."""
    await broker.queue.enqueue([task("short", lives=timedelta(milliseconds=300))])

    async def is_gone() -> bool:
        return await broker.count_ready() == 0

    await eventually(is_gone)
    await broker.queue.enqueue([task("next")])
    async with broker.queue.consume(BINANCE) as deliveries:
        delivery = await receive(deliveries)
        assert decode_task(BINANCE, delivery.body).id == "next"
        await delivery.ack()


async def test_an_expired_task_is_no_dead_letter(broker: Broker) -> None:
    """The dead-letter queue is for people: what merely came too late does not get there."""
    await broker.queue.enqueue([task(lives=timedelta(milliseconds=200))])

    async def is_gone() -> bool:
        return await broker.count_ready() == 0

    await eventually(is_gone)
    assert await broker.queue.count_dead(BINANCE) == 0


async def test_dead_letters_are_counted(broker: Broker) -> None:
    """A message that no consumer can use leaves the queue and is counted, once."""
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
    """Bounded, and what is newest is worth most; what made room is no dead letter."""
    await broker.queue.enqueue([task(str(number)) for number in range(MAX_TASKS + 20)])
    assert await broker.count_ready() == MAX_TASKS
    assert await broker.queue.count_dead(BINANCE) == 0


async def test_no_tasks_are_no_trouble(broker: Broker) -> None:
    """A tick without instruments enqueues nothing."""
    await broker.queue.enqueue([])
    assert await broker.count_ready() == 0


def test_queue_names_are_those_of_the_contract() -> None:
    """The given names stay, the spelling of CoinGecko's included."""
    assert [queue_name(Source.BINANCE), queue_name(Source.COINGECKO)] == ["binance_parser", "coingeko_parser"]
