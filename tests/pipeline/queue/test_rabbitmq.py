"""Failures that only RabbitMQ has: unavailable, queues of others, deleted queues."""

import asyncio

import aio_pika
import pytest

from pipeline.queue.names import queue_name
from pipeline.queue.rabbitmq import RabbitTaskQueue, translated_errors
from pipeline.task import decode_task
from rates.clock import utc_now
from rates.errors import InvalidSetting, QueueUnavailable
from rates.source import Source
from runtime.free_port import free_port
from tests.backends import ServerProcess
from tests.pipeline.fakes import task

pytestmark = pytest.mark.servers

BINANCE = Source.BINANCE


async def test_an_absent_broker_is_unavailable() -> None:
    """At once, with its address in the message."""
    queue = RabbitTaskQueue(f"amqp://guest:guest@127.0.0.1:{free_port()}/", [BINANCE], clock=utc_now)
    with pytest.raises(QueueUnavailable):
        await queue.connect()
    with pytest.raises(QueueUnavailable):
        await queue.enqueue([task(issued_at=utc_now())])
    with pytest.raises(QueueUnavailable):
        async with queue.consume(BINANCE):
            pass
    await queue.close()
    await queue.close()


async def test_an_end_before_the_first_frame_is_no_unexpected_error() -> None:
    """A relay before a broker that restarts accepts a connection and ends it at once."""
    with pytest.raises(QueueUnavailable, match="StopAsyncIteration"), translated_errors():
        raise StopAsyncIteration


@pytest.mark.parametrize(
    "change", [("guest:guest", "guest:wrong"), ("amqp://", "http://")], ids=["password", "scheme"]
)
async def test_a_wrong_address_names_the_setting_and_hides_the_password(
    amqp_url: str, change: tuple[str, str]
) -> None:
    """Waiting does not help: the setting must change."""
    queue = RabbitTaskQueue(amqp_url.replace(*change), [BINANCE], clock=utc_now)
    with pytest.raises(InvalidSetting, match="RATEWIRE_AMQP_URL") as failure:
        await queue.connect()
    assert "guest" not in str(failure.value).partition(": ")[0]


async def test_a_missing_vhost_is_named(amqp_url: str) -> None:
    """It may still be created while a process starts."""
    queue = RabbitTaskQueue(f"{amqp_url}nowhere", [BINANCE], clock=utc_now)
    with pytest.raises(QueueUnavailable, match="vhost 'nowhere'"):
        await queue.connect()


async def test_a_queue_with_other_properties_is_named(amqp_url: str) -> None:
    """It is not overwritten."""
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        await channel.queue_delete(queue_name(BINANCE))
        await channel.declare_queue(queue_name(BINANCE), durable=True)
        queue = RabbitTaskQueue(amqp_url, [BINANCE], clock=utc_now)
        with pytest.raises(InvalidSetting, match=r"binance_parser"):
            await queue.connect()
        await channel.queue_delete(queue_name(BINANCE))
        await queue.connect()
        await queue.close()


async def test_a_deleted_queue_ends_its_consumers_and_comes_back(amqp_url: str) -> None:
    """The consumer gets an error, and consuming again declares the queue."""
    queue = RabbitTaskQueue(amqp_url, [BINANCE], clock=utc_now)
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
        async with queue.consume(BINANCE) as deliveries, asyncio.timeout(60):
            await channel.queue_delete(queue_name(BINANCE))
            with pytest.raises(QueueUnavailable):
                await anext(deliveries)
        await channel.queue_delete(queue_name(BINANCE))
        with pytest.raises(QueueUnavailable):
            await queue.enqueue([task(issued_at=utc_now())])
        sent = task(issued_at=utc_now())
        await queue.enqueue([sent])
        async with queue.consume(BINANCE) as deliveries, asyncio.timeout(60):
            delivery = await anext(deliveries)
            assert decode_task(BINANCE, delivery.body) == sent
            await delivery.ack()
    await queue.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_an_outage_is_noticed_by_all_and_survived(
    rabbitmq_server: ServerProcess, amqp_url: str, end: str
) -> None:
    """Producer and consumer get an error at once, and work again once the broker is back."""
    queue = RabbitTaskQueue(amqp_url, [BINANCE], clock=utc_now)
    async with asyncio.timeout(100):
        async with queue.consume(BINANCE) as deliveries:
            await asyncio.to_thread(getattr(rabbitmq_server, end))
            with pytest.raises(QueueUnavailable):
                await anext(deliveries)
        with pytest.raises(QueueUnavailable):
            await queue.enqueue([task(issued_at=utc_now())])
        await asyncio.to_thread(rabbitmq_server.start)
        sent = task(issued_at=utc_now())
        await queue.enqueue([sent])
        async with queue.consume(BINANCE) as deliveries:
            delivery = await anext(deliveries)
            assert decode_task(BINANCE, delivery.body) == sent
            await delivery.ack()
    await queue.close()


async def test_a_frozen_broker_does_not_block_a_producer(
    rabbitmq_server: ServerProcess, amqp_url: str
) -> None:
    """Publishing ends in a timeout if nothing is confirmed."""
    queue = RabbitTaskQueue(amqp_url, [BINANCE], clock=utc_now)
    await queue.connect()
    rabbitmq_server.freeze()
    try:
        async with asyncio.timeout(20):
            with pytest.raises(QueueUnavailable):
                await queue.enqueue([task(issued_at=utc_now())])
    finally:
        rabbitmq_server.thaw()
    await queue.close()
