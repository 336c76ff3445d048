"""Ports of the history.

The log of batches between the push feeds, the gateways and the recorder.

Implemented on Redis and in memory.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from history.batch import BarBatch, TradePosition
from history.interval import TimeSpan
from history.kline import Kline
from rates.source import Source


class LoggedBatch(NamedTuple):
    """A batch with its place in the log. `entry` is opaque; the next one is read after it."""

    entry: str
    batch: BarBatch


class LogEntry(NamedTuple):
    """An entry of the log. `batch` is `None` if it is unreadable."""

    entry: str
    batch: BarBatch | None


class BarLog(Protocol):
    """A bounded log of batches for each source. One process at a time writes that of a source."""

    async def claim(self, source: Source, session: str) -> bool:
        """Take or keep the lease of the log. `False` while another session has it.

        Raises:
            CacheUnavailable: unknown.
        """
        ...

    async def write(self, batch: BarBatch, positions: Sequence[TradePosition]) -> bool:
        """Append and publish a batch, and store positions.

        `False` if its session has no lease; nothing is stored then.

        Atomic. It keeps the lease.

        Raises:
            CacheUnavailable: it may or may not be stored.
        """
        ...

    async def read_positions(self, source: Source) -> list[TradePosition]:
        """Read the last trades of all instruments in closed seconds.

        Raises:
            CacheUnavailable: the log cannot be reached.
        """
        ...

    async def read(self, source: Source, after: str, limit: int) -> list[LogEntry]:
        """Read the oldest entries after one; `""` is before all.

        Raises:
            CacheUnavailable: the log cannot be reached.
        """
        ...


class LogTail(NamedTuple):
    """The newest batches of the log of a source, in order. They have no forming seconds."""

    source: Source
    batches: tuple[BarBatch, ...]


class LostBars(NamedTuple):
    """Batches of a source are being lost.

    A `LogTail` of the source follows once they arrive again.
    """

    source: Source
    reason: str


BarMessage = BarBatch | LogTail | LostBars


class BarFeed(Protocol):
    """The log of batches as gateways read it."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[BarMessage]]:
        """Subscribe to the batches of all sources, with their forming seconds, in order per source.

        The subscription is active once the context is entered. The iterator raises `CacheUnavailable` when the subscription breaks
        or falls behind; batches are then lost. A feed with one connection per shard yields `LostBars` instead for each source of
        the shard.
        """
        ...

    async def read_tail(self, source: Source) -> LogTail:
        """Read the newest batches of the log of a source: at least those of the last minute.

        Raises:
            CacheUnavailable: the log cannot be reached.
        """
        ...


class KlineFetcher(Protocol):
    """Fetches the klines of one source, within its budget of calls."""

    async def fetch_klines(self, source_symbol: str, window: TimeSpan) -> Sequence[Kline]:
        """Fetch the klines of an instrument that begin in `window`, in order.

        One that the source left out says nothing of its minute. An error response is an error, never an empty answer.

        Raises:
            SourceError: the source did not deliver all of it. `SourceRateLimited` says when to try again.
            CacheUnavailable: the budget cannot be read, so no call was made.
        """
        ...
