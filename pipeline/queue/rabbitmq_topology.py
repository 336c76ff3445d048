"""Declares the queues of tasks and dead letters of each source in RabbitMQ.

RabbitMQ also dead-letters expired and displaced tasks, which are no failures. A headers exchange lets only rejected messages into the
dead-letter queue. (`all-with-x` needs RabbitMQ 3.10.)
"""

from collections.abc import Iterable

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection

from pipeline.queue.names import MAX_DEAD, MAX_TASKS, dead_queue_name, queue_name
from rates.source import Source

DEAD_EXCHANGE = "ratewire.dead"


async def declare(connection: AbstractConnection, sources: Iterable[Source]) -> None:
    """Declare the missing exchange and queues.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: one exists with other properties.
    """
    async with connection.channel() as channel:
        dead_exchange = await channel.declare_exchange(DEAD_EXCHANGE, ExchangeType.HEADERS, durable=True)
        for source in sources:
            dead = await channel.declare_queue(
                dead_queue_name(source),
                durable=True,
                arguments={"x-max-length": MAX_DEAD, "x-overflow": "drop-head"},
            )
            await dead.bind(
                dead_exchange,
                arguments={
                    "x-match": "all-with-x",
                    "x-first-death-reason": "rejected",
                    "x-first-death-queue": queue_name(source),
                },
            )
            await channel.declare_queue(
                queue_name(source),
                durable=True,
                arguments={
                    "x-dead-letter-exchange": DEAD_EXCHANGE,
                    "x-max-length": MAX_TASKS,
                    "x-overflow": "drop-head",
                },
            )


async def count_dead(channel: AbstractChannel, source: Source) -> int:
    """Count the dead letters of `source`."""
    queue = await channel.declare_queue(dead_queue_name(source), passive=True)
    return queue.declaration_result.message_count or 0
