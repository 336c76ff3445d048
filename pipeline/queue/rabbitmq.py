"""The task queue on RabbitMQ. With `rabbitmq_topology`, the one home of aio_pika.

Connections are not "robust": a lost one raises `QueueUnavailable` at once, and the producer's next tick or the consumer's next attempt
opens another. Waiting for the old one would only deliver tasks that have expired.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from functools import partial

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelPreconditionFailed,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from pamqp.exceptions import PAMQPException

from pipeline.queue.names import queue_name
from pipeline.queue.rabbitmq_topology import count_dead, declare
from pipeline.task import Task, encode_task
from rates.clock import Clock
from rates.errors import InvalidSetting, QueueUnavailable
from rates.source import Source
from runtime.cancellation import preserve_cancellation

CONNECT_TIMEOUT_S = 5
COMMAND_TIMEOUT_S = 3
# The close is sent before the wait. A stopping process waits twice, for a channel and its connection.
CLOSE_TIMEOUT_S = 1.5
# A peer is dead after two missed heartbeats, which is within one TTL of the fastest source.
HEARTBEAT_S = 5
SETTING = "RATEWIRE_AMQP_URL"

_Inbox = asyncio.Queue[AbstractIncomingMessage | None]


class _RabbitDelivery:
    """A `Delivery` from RabbitMQ."""

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self._message = message

    @property
    def body(self) -> bytes:
        return self._message.body

    @property
    def redelivered(self) -> bool:
        return bool(self._message.redelivered)

    async def ack(self) -> None:
        with translated_errors():
            await self._message.ack()

    async def requeue(self) -> None:
        with translated_errors():
            await self._message.nack(requeue=True)

    async def dead_letter(self) -> None:
        with translated_errors():
            await self._message.reject(requeue=False)


class RabbitTaskQueue:
    """A `TaskQueue` on RabbitMQ for the given sources. The caller closes it."""

    def __init__(self, url: str, sources: Iterable[Source], *, clock: Clock) -> None:
        self._url = url
        self._sources = tuple(sources)
        self._clock = clock
        self._connection: AbstractConnection | None = None
        self._publisher: AbstractChannel | None = None
        self._connecting = asyncio.Lock()

    async def connect(self) -> None:
        """Open the connection and declare the queues, if that has not been done.

        Raises:
            QueueUnavailable: RabbitMQ cannot be reached.
            InvalidSetting: not an AMQP URL, rejected credentials, or queues that exist with other properties.
        """
        await self._open_connection()

    async def close(self) -> None:
        """Close the connection. RabbitMQ requeues unsettled messages. Idempotent."""
        connection, self._connection, self._publisher = self._connection, None, None
        if connection is not None:
            await _close_quietly(connection)

    async def enqueue(self, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        try:
            await self._publish_all(tasks)
        except QueueUnavailable:
            # The next attempt opens a new connection and declares missing queues.
            await self.close()
            raise

    async def _publish_all(self, tasks: Sequence[Task]) -> None:
        with translated_errors():
            await self._open_connection()
            results = await asyncio.gather(*map(self._publish, tasks), return_exceptions=True)
        for failure in filter(None, results):
            # A lost connection cancels confirmations, too.
            raise QueueUnavailable(f"RabbitMQ: not confirmed: {failure!r}") from failure

    async def _publish(self, task: Task) -> None:
        assert self._publisher is not None
        # Relative to the broker's clock; never longer than the task's life, whatever this clock says.
        remaining = min(task.deadline - self._clock(), task.lifetime)
        if remaining <= timedelta():
            return
        message = aio_pika.Message(
            encode_task(task),
            content_type="application/json",
            message_id=task.id,
            expiration=remaining,
            # A task lives for seconds, so that writing it to disk would cost more than issuing it again.
            delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
        )
        await self._publisher.default_exchange.publish(
            message, queue_name(task.source), mandatory=True, timeout=COMMAND_TIMEOUT_S
        )

    @asynccontextmanager
    async def consume(self, source: Source) -> AsyncIterator[AsyncIterator[_RabbitDelivery]]:
        with translated_errors():
            connection = await self._open_connection()
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                channel = await connection.channel(publisher_confirms=False)
        try:
            # Prefetch allows one message, and the end of the channel adds one marker, so that it is full only at the end.
            arrived: _Inbox = asyncio.Queue(2)
            with translated_errors(), translated_settings(self._url):
                async with asyncio.timeout(COMMAND_TIMEOUT_S):
                    await declare(connection, [source])
                    await channel.set_qos(prefetch_count=1)
                    channel.close_callbacks.add(partial(_end, arrived))
                    # Deleting a queue cancels its consumers and leaves their channel open.
                    underlay = await channel.get_underlay_channel()
                    underlay.on_consumer_cancel_callbacks.add(partial(_end, arrived))
                    queue = await channel.get_queue(queue_name(source), ensure=False)
                    await queue.consume(arrived.put)
            yield _deliver(arrived)
        finally:
            # Closing the channel requeues an unsettled message.
            await _close_quietly(channel)

    async def count_dead(self, source: Source) -> int:
        with translated_errors():
            connection = await self._open_connection()
            async with asyncio.timeout(COMMAND_TIMEOUT_S), connection.channel() as channel:
                return await count_dead(channel, source)

    async def _open_connection(self) -> AbstractConnection:
        async with self._connecting:
            connection, publisher = self._connection, self._publisher
            if connection and publisher and not connection.is_closed and not publisher.is_closed:
                return connection
            await self.close()
            with translated_errors(f" at {_masked(self._url)}"), translated_settings(self._url):
                connection = await _connect_amqp(self._url)
                try:
                    async with asyncio.timeout(COMMAND_TIMEOUT_S):
                        await declare(connection, self._sources)
                        self._publisher = await connection.channel(on_return_raises=True)
                except BaseException:
                    await _close_quietly(connection)
                    raise
            self._connection = connection
            return connection


def _end(arrived: _Inbox, *_: object) -> None:
    with suppress(asyncio.QueueFull):
        arrived.put_nowait(None)


async def _deliver(arrived: _Inbox) -> AsyncIterator[_RabbitDelivery]:
    while (message := await arrived.get()) is not None:
        yield _RabbitDelivery(message)
    raise QueueUnavailable("RabbitMQ: the connection, its channel or the queue was lost")


async def _connect_amqp(url: str) -> AbstractConnection:
    if not url.startswith(("amqp://", "amqps://")):
        raise InvalidSetting(SETTING, _masked(url), "expected amqp://user:password@host:port/vhost")
    try:
        return await aio_pika.connect(url, timeout=CONNECT_TIMEOUT_S, heartbeat=HEARTBEAT_S)
    except InvalidFrameError as exc:
        # Raised for a Connection.Close in place of the response, also by a broker that is stopping.
        vhost = url.partition("//")[2].partition("/")[2] or "/"
        raise QueueUnavailable(
            f"RabbitMQ: refused; does the vhost {vhost[:60]!r} exist there? {exc}"
        ) from exc


async def _close_quietly(closable: AbstractConnection | AbstractChannel) -> None:
    """Close an object that may be broken already, and ignore errors."""
    with suppress(QueueUnavailable), translated_errors():
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await closable.close()


def _masked(url: str) -> str:
    """Return the URL without its password, for logs."""
    scheme, separator, rest = url.rpartition("@")
    return f"{scheme.partition('//')[0]}//***@{rest}" if separator else url


@contextmanager
def translated_errors(where: str = "") -> Iterator[None]:
    """Translate the errors of aio_pika to `QueueUnavailable`."""
    try:
        with preserve_cancellation():
            yield
    # aio_pika raises RuntimeError for a connection or channel that is already closed; aiormq's `FrameReceiver.get_frame`
    # StopAsyncIteration for one that ended between the connection and the first frame.
    except (AMQPError, PAMQPException, OSError, TimeoutError, RuntimeError, StopAsyncIteration) as exc:
        raise QueueUnavailable(f"RabbitMQ{where}: {type(exc).__name__}: {exc}") from exc


@contextmanager
def translated_settings(url: str) -> Iterator[None]:
    """Translate errors that need another configuration to `InvalidSetting`."""
    try:
        yield
    except ChannelPreconditionFailed as exc:
        expected = f"the queues exist there with other properties; delete them or use another vhost: {exc}"
        raise InvalidSetting(SETTING, _masked(url), expected) from exc
    except (ProbableAuthenticationError, AuthenticationError) as exc:
        raise InvalidSetting(SETTING, _masked(url), f"RabbitMQ refuses user or password: {exc}") from exc
    except ValueError as exc:
        raise InvalidSetting(
            SETTING, _masked(url), f"expected amqp://user:password@host:port/vhost: {exc}"
        ) from exc
