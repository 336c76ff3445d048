"""Ports of the pipeline's core.

Technology stays behind them; only plain values pass through.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from instruments.listed import InstrumentListing
from pipeline.task import RequestedInstrument, Task
from pipeline.tick import Tick
from rates.health import CallBudgetState
from rates.source import Source
from rates.ticker import Ticker


class Delivery(Protocol):
    """One message at one consumer, which settles it once: ack, requeue or dead-letter."""

    @property
    def body(self) -> bytes:
        """The message body."""
        ...

    @property
    def redelivered(self) -> bool:
        """Whether the message was delivered to a consumer before."""
        ...

    async def ack(self) -> None:
        """Remove the message. Raises `QueueUnavailable`: the queue will deliver it again."""
        ...

    async def requeue(self) -> None:
        """Return the message for another consumer.

        Raises `QueueUnavailable`: it is returned all the same.
        """
        ...

    async def dead_letter(self) -> None:
        """Move the message to the dead-letter queue.

        Raises `QueueUnavailable`: the queue will deliver it again.
        """
        ...


class TaskQueue(Protocol):
    """Queues of tasks, one per source.

    Every queue is bounded, and a task expires at its deadline.
    """

    async def enqueue(self, tasks: Sequence[Task]) -> None:
        """Put the tasks into the queues of their sources.

        Returns once the queue has confirmed all of them.

        Raises:
        QueueUnavailable: some of the tasks may not be in the queue.
        """
        ...

    def consume(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Deliver the messages of one source, one at a time.

        An unsettled message is returned on exit.

        Raises:
        QueueUnavailable: on entry, or from the iterator when the queue is lost.
        """
        ...

    async def count_dead(self, source: Source) -> int:
        """Count the dead letters of a source.

        Raises:
            QueueUnavailable: the queue cannot be reached.
        """
        ...


class TickClaim(Protocol):
    """Lets exactly one of several replicas do the work of one tick of a schedule."""

    async def claim(self, source: Source, interval: timedelta, least_left: timedelta = ...) -> Tick:
        """Claim the present tick, unless less than `least_left` of it is left.

        All replicas have ticks of the same `interval`, by one clock that they share.

        Raises:
            CacheUnavailable: unknown.
        """
        ...


class RequestBudget(Protocol):
    """Limits the calls to one source, counted over all replicas."""

    async def take(self, request: str = "", /) -> CallBudgetState:
        """Take one call from the budget and return what is left. `request` is the key of `defer`.

        Raises:
            SourceRateLimited: no call is left, a cooldown is active, or (`is_planned`) the next call is due later. Its
                `retry_at` says when to try again.
            CacheUnavailable: the budget cannot be read, so no call may be made.
        """
        ...

    async def defer(self, span: timedelta, request: str, /) -> None:
        """Block one request for `span`, because its response could not be newer.

        Never shortens a longer deferral.

        Raises:
        CacheUnavailable: other replicas do not know of it.
        """
        ...

    async def start_cooldown(self, span: timedelta) -> None:
        """Block all calls for `span`. Never shortens a longer cooldown.

        Raises:
            CacheUnavailable: other replicas do not know of it.
        """
        ...


class Cooldown(Protocol):
    """A pause for all replicas, imposed by one service of a source when it rejected one of them."""

    async def remaining(self) -> timedelta:
        """Return how much of the cooldown is left, or zero.

        Raises:
            CacheUnavailable: unknown.
        """
        ...

    async def start(self, span: timedelta) -> None:
        """Start a cooldown of `span`. Never shortens a longer one.

        Raises:
            CacheUnavailable: other replicas do not know of it.
        """
        ...


class RateFetcher(Protocol):
    """Fetches the current rates of instruments from one source."""

    async def fetch(self, instruments: Sequence[RequestedInstrument], /) -> Sequence[Ticker]:
        """Fetch one ticker per instrument.

        Instruments for which the source has no quote are left out.

                If a call could not return anything newer, the tickers of the last response are returned again.

        Raises:
            SourceError: the source did not deliver.
            CacheUnavailable: the request budget cannot be reached.
        """
        ...


class ListingFetcher(Protocol):
    """Fetches the listing of one source."""

    async def fetch_listing(self) -> InstrumentListing:
        """Fetch all instruments that the source lists, of any status.

        A truncated or unreadable response is an error.

        Raises:
        SourceError: the source did not deliver.
        CacheUnavailable: the request budget cannot be reached.
        """
        ...
