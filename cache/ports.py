"""Ports of the cache: a sink for the pipeline, a feed for the gateway.

Implemented on Redis and in memory.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from rates.health import SourceReport
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from rates.wire import Changes


class Snapshot(msgspec.Struct, frozen=True):
    """Consistent copy of one source's cache after write `seq` of `epoch`.

    An empty epoch means that the cache was never written. `seqs` has the write of each ticker: its sequence number in
    `epoch`, 0 if an earlier epoch stored it. Tickers stored by a version that did not record it are missing there.
    """

    source: Source
    epoch: str
    seq: int
    tickers: tuple[Ticker, ...]
    reports: tuple[SourceReport, ...]
    seqs: Mapping[Symbol, int] = {}


class Checkpoint(msgspec.Struct, frozen=True):
    """Position of a source's last write.

    All messages of earlier writes precede it on the same subscription.
    """

    source: Source
    epoch: str
    seq: int


class Interruption(msgspec.Struct, frozen=True):
    """Messages of a source are being lost.

    A `Snapshot` of the source follows once they arrive again.
    """

    source: Source
    reason: str


FeedMessage = Changes | SourceReport | Checkpoint | Interruption | Snapshot


class TickerSink(Protocol):
    """Cache as the pipeline writes it."""

    async def write(self, tickers: Sequence[Ticker]) -> int:
        """Store and publish those tickers that are newer than the cached ones; return their number.

        All tickers must be of one source. Each call is atomic and keeps only the newest ticker per symbol.

        Raises:
            CacheUnavailable: the tickers may or may not be stored.
        """
        ...

    async def report(self, report: SourceReport) -> None:
        """Store and publish the report of one process, dated by the clock of the cache.

        Raises:
            CacheUnavailable: the report is lost, or only published, because the cache refuses writes.
        """
        ...


class TickerFeed(Protocol):
    """Cache as the gateway reads it."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[FeedMessage]]:
        """Subscribe to the messages of all sources, in order of publication per source.

        The subscription is active once the context is entered. The iterator raises `CacheUnavailable` when the
        subscription breaks or falls behind; messages are then lost. A feed with one connection per shard yields an
        `Interruption` instead for each source of the shard.
        """
        ...

    async def read_snapshot(self, source: Source) -> Snapshot:
        """Read the whole cache of one source.

        Raises:
            CacheUnavailable: Redis cannot be reached.
        """
        ...
