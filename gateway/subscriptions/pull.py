"""Pull adapter: a subscriber that is ready while its consumer waits for a payload."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from gateway.subscriptions.cohort import Cohort

PayloadT = TypeVar("PayloadT")
Resuming = Coroutine[Any, Any, None]
"""The catch-up of a resumed subscription, which precedes its first payload.

The caller awaits or closes it.
"""


class PullSubscriber(Generic[PayloadT]):
    """A subscriber that holds at most one payload, until its consumer wakes up."""

    __slots__ = ("_error", "_waiter", "cohort")

    def __init__(self) -> None:
        self.cohort: Cohort[PayloadT] | None = None
        self._waiter: asyncio.Future[PayloadT] | None = None
        self._error: Exception | None = None

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
        if self.cohort is not None:
            self.cohort.remove(self)

    def is_ready(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def notify_when_ready(self) -> None:
        """Do nothing: `next_payload` flushes."""

    def deliver(self, payload: PayloadT) -> None:
        assert self._waiter
        self._waiter.set_result(payload)

    def fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        else:
            self._error = error


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
