"""The task queue of the embedded system, in process, with the same contract as RabbitMQ."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.queue.names import MAX_DEAD, MAX_TASKS
from pipeline.task import Task, encode_task
from rates.clock import Clock
from rates.source import Source


@dataclass(slots=True)
class _Message:
    body: bytes
    expires_at: datetime
    redelivered: bool = False


@dataclass(slots=True)
class _Queue:
    """Bounded: a new task displaces the oldest one, which would expire first anyway."""

    ready: deque[_Message] = field(default_factory=lambda: deque(maxlen=MAX_TASKS))
    dead: deque[bytes] = field(default_factory=lambda: deque(maxlen=MAX_DEAD))
    filled: asyncio.Event = field(default_factory=asyncio.Event)


class _MemoryDelivery:
    """A `Delivery` from a memory queue."""

    def __init__(self, queue: _Queue, message: _Message) -> None:
        self._queue, self._message = queue, message
        self._settled = False

    @property
    def body(self) -> bytes:
        return self._message.body

    @property
    def redelivered(self) -> bool:
        return self._message.redelivered

    async def ack(self) -> None:
        self._settled = True

    async def requeue(self) -> None:
        self.give_back()

    async def dead_letter(self) -> None:
        if not self._settled:
            self._settled = True
            self._queue.dead.append(self._message.body)

    def give_back(self) -> None:
        """Return the message to the head of the queue, unless it was settled."""
        if self._settled:
            return
        self._settled = True
        self._message.redelivered = True
        if len(self._queue.ready) < MAX_TASKS:
            self._queue.ready.appendleft(self._message)
            self._queue.filled.set()


class MemoryTaskQueue:
    """A `TaskQueue` whose messages expire at their task's deadline by `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues = {source: _Queue() for source in Source}

    async def enqueue(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self.enqueue_raw(task.source, encode_task(task), task.deadline)

    def enqueue_raw(self, source: Source, body: bytes, expires_at: datetime) -> None:
        """Put any message into a queue."""
        queue = self._queues[source]
        queue.ready.append(_Message(body, expires_at))
        queue.filled.set()

    @asynccontextmanager
    async def consume(self, source: Source) -> AsyncIterator[AsyncIterator["_MemoryDelivery"]]:
        queue = self._queues[source]
        in_hand: list[_MemoryDelivery] = []
        try:
            yield self._deliver(queue, in_hand)
        finally:
            for delivery in in_hand:
                delivery.give_back()

    async def _deliver(self, queue: _Queue, in_hand: list[_MemoryDelivery]) -> AsyncIterator[_MemoryDelivery]:
        while True:
            await queue.filled.wait()
            if not queue.ready:
                queue.filled.clear()
                continue
            message = queue.ready.popleft()
            if message.expires_at > self._clock():
                in_hand[:] = [_MemoryDelivery(queue, message)]
                yield in_hand[0]

    async def count_dead(self, source: Source) -> int:
        return len(self._queues[source].dead)

    def count_ready(self, source: Source) -> int:
        """Count the tasks that have not expired."""
        now = self._clock()
        return sum(message.expires_at > now for message in self._queues[source].ready)
