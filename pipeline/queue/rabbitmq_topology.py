"""What has to exist in RabbitMQ: a queue of tasks and a queue of dead letters per source.

Expired tasks and those that made room for newer ones are dead-lettered by RabbitMQ as well, but are nobody's failure: a
headers exchange lets only rejected messages into the dead queue. (`all-with-x` needs RabbitMQ 3.10.)
"""

from collections.abc import Iterable

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection

from pipeline.queue.names import MAX_DEAD, MAX_TASKS, dead_queue_name, queue_name
from rates.source import Source

DEAD_EXCHANGE = "ratewire.dead"


async def declare(connection: AbstractConnection, sources: Iterable[Source]) -> None:
    """Create what is missing.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: something of the name exists with other properties.
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
    """How many messages the dead queue of `source` holds."""
    queue = await channel.declare_queue(dead_queue_name(source), passive=True)
    return queue.declaration_result.message_count or 0
