"""A reader that asks for each thing it is told, and is told when it asks."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from gateway.subscriptions.cohort import Cohort

ToldT = TypeVar("ToldT")
Resuming = Coroutine[Any, Any, None]
"""What is left to be done before a reader that came back is told anything. Whoever has it runs it, or cancels."""


class PullSubscriber(Generic[ToldT]):
    """Holds one thing at most, for the moment between its being told and its being taken."""

    __slots__ = ("_failure", "_waiter", "cohort")

    def __init__(self) -> None:
        self.cohort: Cohort[ToldT] | None = None
        self._waiter: asyncio.Future[ToldT] | None = None
        self._failure: Exception | None = None

    async def take(self) -> ToldT:
        """The next thing, as soon as there is one.

        Raises:
            Exception: whatever went wrong while it was made.
        """
        if self._failure is not None:
            raise self._failure
        assert self.cohort
        self._waiter = asyncio.get_running_loop().create_future()
        self.cohort.go_on()
        return await self._waiter

    def leave(self) -> None:
        """Take no more."""
        if self.cohort is not None:
            self.cohort.leave(self)

    def is_ready(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def tell(self, told: ToldT) -> None:
        assert self._waiter
        self._waiter.set_result(told)

    def fail(self, failure: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(failure)
        else:
            self._failure = failure


async def iterate(follow: Callable[[PullSubscriber[ToldT]], Resuming | None]) -> AsyncGenerator[ToldT, None]:
    """What a mailbox is told that `follow` has let in, each thing when it is asked for."""
    mailbox: PullSubscriber[ToldT] = PullSubscriber()
    try:
        resuming = follow(mailbox)
        if resuming is not None:
            await resuming
        while True:
            yield await mailbox.take()
    finally:
        mailbox.leave()
