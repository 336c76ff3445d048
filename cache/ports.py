"""What the pipeline needs to write and the gateway needs to read. Both Redis and the in-process cache provide all of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from rates.health import SourceReport
from rates.source import Source
from rates.ticker import Ticker
from rates.wire import Changes

FeedMessage = Changes | SourceReport


class Snapshot(msgspec.Struct, frozen=True):
    """One source's cache at one instant: everything that writes up to `seq` of `epoch` left. Empty epoch: never written."""

    source: Source
    epoch: str
    seq: int
    tickers: tuple[Ticker, ...]
    reports: tuple[SourceReport, ...]


class TickerSink(Protocol):
    """Where the pipeline puts what it has seen."""

    async def write(self, tickers: Sequence[Ticker]) -> int:
        """Store the tickers (all of one source) that are newer than what is there, publish those; return how many.

        One atomic step per call; of several tickers of one symbol the newest counts.

        Raises:
            CacheUnavailable: nothing is known to be stored.
        """
        ...

    async def report(self, report: SourceReport) -> None:
        """Store and publish one process's view of its source.

        Raises:
            CacheUnavailable: the report is lost.
        """
        ...


class TickerFeed(Protocol):
    """Where the gateway reads it."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[FeedMessage]]:
        """Messages of all sources from the moment of entering, in the order of publication.

        The iterator raises `CacheUnavailable` when the subscription breaks or falls behind; messages are then lost.
        """
        ...

    async def read_snapshot(self, source: Source) -> Snapshot:
        """One source's cache as it stands.

        Raises:
            CacheUnavailable: out of reach.
        """
        ...

    async def read_after(self, source: Source, epoch: str, seq: int) -> Sequence[Changes] | None:
        """The changes after `seq` of `epoch`, complete and in order; `None` when the bounded stream cannot prove that.

        Raises:
            CacheUnavailable: out of reach.
        """
        ...
