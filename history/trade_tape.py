"""The tape: the last trades of each instrument, one by one.

The port, and its implementation in process. Bars and their coverage are what is stored; the tape is for display.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec

from history.trade import Trade, TradeId
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol

# Trades of an instrument that can be asked for, and that one append can have.
TAPE_LENGTH = 200
# Appends of an instrument that are kept: half a minute of those that are traded all the time.
TAPE_CHUNKS = 300
# A follower in process with more pending appends must read again.
FOLLOWER_CHUNKS = 256

NewTrades = Mapping[Symbol, Sequence[Trade]]


class TapeChunk(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Trades of an instrument that were appended together, at least one.

    `after`: the trade that was appended before them; `None` if that is unknown.
    """

    trades: tuple[Trade, ...]
    after: TradeId | None = None


NewChunks = Mapping[Symbol, TapeChunk]


class TradeTape(Protocol):
    """The last trades of all instruments."""

    async def append(self, source: Source, session: str, chunks: NewChunks, /) -> bool:
        """Append trades and publish them, if the session has the lease of the log of bars.

        Raises:
            CacheUnavailable: they may or may not be stored.
        """
        ...

    async def read(self, source: Source, symbol: Symbol, limit: int | None = None) -> list[Trade]:
        """Return the last trades of an instrument, the newest last.

        Without `limit`, all that are kept.

        Raises:
            CacheUnavailable: the tape cannot be reached.
        """
        ...

    def follow(
        self, source: Source, wanted: Collection[Symbol]
    ) -> AbstractAsyncContextManager[AsyncIterator[NewChunks | None]]:
        """Receive what is appended from here on.

        Only the symbols that are `wanted` at that time, which may be none. `None` says that appends may have been lost before it. The iterator raises `CacheUnavailable` when it breaks.
        """
        ...


def join_chunks(chunks: Sequence[TapeChunk], limit: int | None = None) -> list[Trade]:
    """Return the last trades of chunks in order. One says so before which others may be missing."""
    found: list[Trade] = []
    for chunk in chunks:
        first, *others = chunk.trades
        if found and not first.after_gap and chunk.after != found[-1].id:
            first = msgspec.structs.replace(first, after_gap=True)
        found.append(first)
        found += others
    return found if limit is None else found[-limit:]


class MemoryTradeTape:
    """A `TradeTape` within one process, in which one feed of a source writes.

    `length`: appends of each instrument that are kept.
    """

    def __init__(self, *, length: int = TAPE_CHUNKS) -> None:
        self._length = length
        self._chunks: dict[tuple[Source, Symbol], deque[TapeChunk]] = {}
        self._followers: dict[asyncio.Queue[NewChunks | None], Source] = {}

    async def append(self, source: Source, _session: str, chunks: NewChunks) -> bool:
        for symbol, chunk in chunks.items():
            self._chunks.setdefault((source, symbol), deque(maxlen=self._length)).append(chunk)
        for queue, followed in list(self._followers.items()):
            if followed is not source or not chunks:
                continue
            if queue.qsize() < FOLLOWER_CHUNKS:
                queue.put_nowait(chunks)
            else:
                del self._followers[queue]
                queue.put_nowait(None)
        return True

    async def read(self, source: Source, symbol: Symbol, limit: int | None = None) -> list[Trade]:
        return join_chunks(tuple(self._chunks.get((source, symbol), ())), limit)

    @asynccontextmanager
    async def follow(
        self, source: Source, wanted: Collection[Symbol]
    ) -> AsyncIterator[AsyncIterator[NewChunks | None]]:
        queue: asyncio.Queue[NewChunks | None] = asyncio.Queue(FOLLOWER_CHUNKS + 1)
        self._followers[queue] = source
        try:
            yield _drain(queue, wanted)
        finally:
            self._followers.pop(queue, None)


async def _drain(
    queue: asyncio.Queue[NewChunks | None], wanted: Collection[Symbol]
) -> AsyncIterator[NewChunks]:
    while (chunks := await queue.get()) is not None:
        yield {symbol: chunk for symbol, chunk in chunks.items() if symbol in wanted}
    raise CacheUnavailable(f"the follower fell {FOLLOWER_CHUNKS} appends behind")
