"""Pull adapter: a subscriber that is ready while its consumer waits for a payload."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from gateway.budgets.open_stream import current_stream
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


class _Restored(Exception):
    """The subscription is no longer throttled."""


class PullSubscriber(Generic[PayloadT]):
    """A subscriber that holds at most one payload, until its consumer wakes up.

    It takes the result slot of its operation, if there is one, for each payload.
    """

    __slots__ = ("_error", "_is_enqueued", "_pending", "_slot", "_waiter", "client", "cohort", "cursor")

    consuming_s = CONSUMING_S

    def __init__(self) -> None:
        self.client: object = current_client.get() or self
        self.cohort: Cohort[PayloadT] | None = None
        self._waiter: asyncio.Future[PayloadT] | None = None
        self._error: Exception | None = None
        self._slot = current_slot.get()
        self._pending: PayloadT | None = None
        self._is_enqueued = False
        self.cursor: str | None = None
        """The cursor of the last payload, if payloads have one."""

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
        payload = await self._waiter
        self.cursor = getattr(payload, "cursor", None)
        return payload

    def unsubscribe(self) -> None:
        """Receive nothing more."""
        # A future that was cancelled refers to what waited for it.
        self._pending = self._waiter = None
        if self._slot is not None and self._is_enqueued:
            self._is_enqueued = False
            self._slot.stop_waiting(self._on_slot)
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

    def restore(self) -> bool:
        """Subscribe again, without throttling.

        Return `False` while a payload is on its way to the consumer, which would come twice.
        """
        if not self.is_ready():
            return False
        self.fail(_Restored())
        return True

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
    resubscribe: Callable[[PullSubscriber[PayloadT], str | None], Resuming | None] | None = None,
    may_restore: Callable[[], bool] = bool,
) -> AsyncGenerator[PayloadT, None]:
    """The payloads of the subscription made by `subscribe`, each computed on demand.

    With `resubscribe` it is throttled, until its stream is restored, if `may_restore`.
    """
    subscriber: PullSubscriber[PayloadT] = PullSubscriber()
    stream = current_stream.get() if resubscribe else None
    # It may have been restored before it begins.
    is_restored = stream is not None and not stream.is_throttled
    if stream is not None:
        stream.on_restore = lambda: may_restore() and subscriber.restore()
    try:
        await _begin(subscribe(subscriber))
        while True:
            try:
                payload = await subscriber.next_payload()
            except _Restored:
                is_restored = True
            else:
                yield payload
            if is_restored and resubscribe is not None:
                is_restored = False
                subscriber.unsubscribe()
                await _begin(resubscribe(subscriber, subscriber.cursor))
    finally:
        subscriber.unsubscribe()
        # It may be its own.
        subscriber.client = None


async def _begin(resuming: Resuming | None) -> None:
    if resuming is not None:
        await resuming
