"""Ports of the history.

The log of batches between the push feeds, the gateways and the recorder.

Implemented on Redis and in memory.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from history.batch import BarBatch, TradePosition
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
