"""Pull adapter: a subscriber that is ready while its consumer waits for a payload."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from gateway.subscriptions.cohort import Cohort
from gateway.subscriptions.result_slots import current_slot

PayloadT = TypeVar("PayloadT")
Resuming = Coroutine[Any, Any, None]
"""The catch-up of a resumed subscription, which precedes its first payload.

The caller awaits or closes it.
"""

current_client: ContextVar[object] = ContextVar("current_client", default=None)
"""The connection whose tasks pull, if it has several subscriptions."""
# Measured, 0.4 to 0.8 ms for most selections.
CONSUMING_S = 0.0006


class PullSubscriber(Generic[PayloadT]):
    """A subscriber that holds at most one payload, until its consumer wakes up.

    It takes the result slot of its operation, if there is one, for each payload.
    """

    __slots__ = ("_error", "_is_enqueued", "_pending", "_slot", "_waiter", "client", "cohort")

    consuming_s = CONSUMING_S

    def __init__(self) -> None:
        self.client: object = current_client.get() or self
        self.cohort: Cohort[PayloadT] | None = None
        self._waiter: asyncio.Future[PayloadT] | None = None
        self._error: Exception | None = None
        self._slot = current_slot.get()
        self._pending: PayloadT | None = None
        self._is_enqueued = False

    async def next_payload(self) -> PayloadT:
        """Wait for the next payload.

        Raises:
            Exception: the error that ended the subscription.
        """
        if self._error is not None:
            raise self._error
        assert self.cohort
        self._waiter = asyncio.get_running_loop().create_future()
        self.cohort.flush_now()
        return await self._waiter

    def unsubscribe(self) -> None:
        """Receive nothing more."""
        self._pending = None
        if self.cohort is not None:
            self.cohort.remove(self)

    def is_ready(self) -> bool:
        return self._is_awaited and self._pending is None and (self._slot is None or self._slot.is_available)

    def notify_when_ready(self) -> None:
        """Flush once there is a slot.

        While the consumer is busy, do nothing: `next_payload` flushes.
        """
        if self._is_awaited and self._pending is None:
            self._enqueue()

    def deliver(self, payload: PayloadT) -> None:
        if self._slot is not None and not self._slot.is_available:
            # Others with the same payload took the last slots just before. It is one object for all of them.
            self._pending = payload
            self._enqueue()
            return
        self._hand_over(payload)

    def fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        else:
            self._error = error

    @property
    def _is_awaited(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _hand_over(self, payload: PayloadT) -> None:
        assert self._waiter
        if self._slot is not None:
            self._slot.take()
        self._waiter.set_result(payload)

    def _enqueue(self) -> None:
        if self._slot is not None and not self._is_enqueued:
            self._is_enqueued = True
            self._slot.wait(self._on_slot)

    def _on_slot(self) -> None:
        self._is_enqueued = False
        payload, self._pending = self._pending, None
        if payload is None:
            if self.cohort is not None:
                self.cohort.flush_now()
        elif self._is_awaited:
            self._hand_over(payload)


async def iterate(
    subscribe: Callable[[PullSubscriber[PayloadT]], Resuming | None],
) -> AsyncGenerator[PayloadT, None]:
    """The payloads of the subscription made by `subscribe`, each computed on demand."""
    subscriber: PullSubscriber[PayloadT] = PullSubscriber()
    try:
        resuming = subscribe(subscriber)
        if resuming is not None:
            await resuming
        while True:
            yield await subscriber.next_payload()
    finally:
        subscriber.unsubscribe()
