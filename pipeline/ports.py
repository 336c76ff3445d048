"""The roles that the pipeline's core needs others to play. Technology lives behind them; what passes through is plain values."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

from instruments.listed import ListedInstrument
from pipeline.task import RequestedInstrument, Task
from rates.health import CallBudgetState
from rates.source import Source
from rates.ticker import Ticker


class Delivery(Protocol):
    """One message in the hands of one consumer, until it settles it in one of three ways, once."""

    @property
    def body(self) -> bytes:
        """The message as it lay in the queue."""
        ...

    @property
    def redelivered(self) -> bool:
        """Whether it was in some consumer's hands before."""
        ...

    async def ack(self) -> None:
        """Done with; it is gone. Raises `QueueUnavailable`: the queue will give it to somebody again."""
        ...

    async def requeue(self) -> None:
        """Given back for another consumer. Raises `QueueUnavailable`: it is given back all the same."""
        ...

    async def dead_letter(self) -> None:
        """Into the dead-letter queue. Raises `QueueUnavailable`: the queue will give it to somebody again."""
        ...


class TaskQueue(Protocol):
    """Carries tasks from producers to consumers; a task is gone at its deadline, and every queue is bounded."""

    async def enqueue(self, tasks: Sequence[Task]) -> None:
        """Put the tasks into their sources' queues; returns when the queue has confirmed all of them.

        Raises:
            QueueUnavailable: some of them may not be in the queue.
        """
        ...

    def consume(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """One source's messages, one at a time; what is unsettled on leaving is given back.

        Raises:
            QueueUnavailable: on entering, or by the iterator when the queue is lost.
        """
        ...

    async def count_dead(self, source: Source) -> int:
        """How many dead letters of a source await a person.

        Raises:
            QueueUnavailable: out of reach.
        """
        ...


class TickClaim(Protocol):
    """Lets exactly one of several replicas do the work of one tick of a schedule."""

    async def claim(self, source: Source, number: int, lifetime: timedelta) -> bool:
        """Whether this replica is the first to claim the tick within `lifetime`.

        Raises:
            CacheUnavailable: not known who is first.
        """
        ...


class RequestBudget(Protocol):
    """How often one source may be called, counted over all replicas."""

    async def take(self, topic: str = "") -> CallBudgetState:
        """Take one call out of the budget and tell what is left; `topic` names the question, for `defer`.

        Raises:
            SourceRateLimited: none is left, the source asked to be left alone, or (`is_planned`) the next call is due later;
                says until when.
            CacheUnavailable: nobody knows what is left, so no call may be made.
        """
        ...

    async def defer(self, span: timedelta, topic: str) -> None:
        """Let nobody ask that question for `span` from now: the answer could not be newer. Never shortens a longer rest.

        Raises:
            CacheUnavailable: the others do not know.
        """
        ...

    async def start_cooldown(self, span: timedelta) -> None:
        """Let nobody call for `span` from now; never shortens a longer hold.

        Raises:
            CacheUnavailable: the others do not know.
        """
        ...


class Cooldown(Protocol):
    """Until when one service of a source must be left alone, by all replicas: it refused one of them and said so."""

    async def remaining(self) -> timedelta:
        """How long it must still be left alone; zero where it need not.

        Raises:
            CacheUnavailable: nobody knows.
        """
        ...

    async def start_cooldown(self, span: timedelta) -> None:
        """Let nobody ask it for `span` from now; never shortens a longer hold.

        Raises:
            CacheUnavailable: the others do not know.
        """
        ...


class RateFetcher(Protocol):
    """Asks one source for the present rates of some instruments."""

    async def fetch(self, wanted: Sequence[RequestedInstrument]) -> Sequence[Ticker]:
        """One question, one answer; instruments that the source has no quote for are left out.

        When a call could not bring anything newer, it is the last answer again.

        Raises:
            SourceError: the source did not deliver.
            CacheUnavailable: the call budget is out of reach.
        """
        ...


class ListingFetcher(Protocol):
    """Asks one source what it lists."""

    async def fetch_listing(self) -> Sequence[ListedInstrument]:
        """All that the source lists, whatever its status: an answer that is cut or cannot be read whole is an error.

        Raises:
            SourceError: the source did not deliver.
            CacheUnavailable: the call budget is out of reach.
        """
        ...
