"""In-memory cache for the embedded system, with the contract of the Redis cache.

Persists nothing.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from cache.ports import FeedMessage, Snapshot
from rates.errors import CacheUnavailable
from rates.health import REPORT_LIFETIME, SourceReport
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from rates.wire import Changes

# A subscriber with more pending messages must reload. Bounds memory like Redis's output buffer limit.
SUBSCRIBER_QUEUE_LENGTH = 1024


@dataclass(slots=True)
class _SourceCache:
    """Cache of one source; Redis keeps the same under one hash tag."""

    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    seq: int = 0
    tickers: dict[Symbol, Ticker] = field(default_factory=dict)
    seqs: dict[Symbol, int] = field(default_factory=dict)
    reports: dict[str, SourceReport] = field(default_factory=dict)


class MemoryCache:
    """A `TickerSink` and `TickerFeed` in memory."""

    def __init__(self) -> None:
        self._sources = {source: _SourceCache() for source in Source}
        self._subscribers: set[asyncio.Queue[FeedMessage | None]] = set()

    async def write(self, tickers: Sequence[Ticker]) -> int:
        if not tickers:
            return 0
        cache = self._sources[tickers[0].source]
        stored: dict[Symbol, Ticker] = {}
        for ticker in tickers:
            known = cache.tickers.get(ticker.symbol)
            if known is None or ticker.is_newer_than(known):
                cache.tickers[ticker.symbol] = stored[ticker.symbol] = _with_trade_time(ticker, known)
        if stored:
            cache.seq += 1
            changes = Changes(tickers[0].source, cache.epoch, cache.seq, tuple(stored.values()))
            cache.seqs.update(dict.fromkeys(stored, cache.seq))
            self._publish(changes)
        return len(stored)

    async def report(self, report: SourceReport) -> None:
        reports = self._sources[report.source].reports
        reports[report.instance] = report
        for instance, other in list(reports.items()):
            if other.reported_at < report.reported_at - REPORT_LIFETIME:
                del reports[instance]
        self._publish(report)

    def _publish(self, message: FeedMessage) -> None:
        for queue in list(self._subscribers):
            if queue.qsize() < SUBSCRIBER_QUEUE_LENGTH:
                queue.put_nowait(message)
            else:
                self._subscribers.discard(queue)
                queue.put_nowait(None)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        queue: asyncio.Queue[FeedMessage | None] = asyncio.Queue(SUBSCRIBER_QUEUE_LENGTH + 1)
        self._subscribers.add(queue)
        try:
            yield _drain(queue)
        finally:
            self._subscribers.discard(queue)

    async def read_snapshot(self, source: Source) -> Snapshot:
        cache = self._sources[source]
        epoch = cache.epoch if cache.seq else ""
        tickers, reports = tuple(cache.tickers.values()), tuple(cache.reports.values())
        return Snapshot(source, epoch, cache.seq, tickers, reports, dict(cache.seqs))


async def _drain(queue: asyncio.Queue[FeedMessage | None]) -> AsyncIterator[FeedMessage]:
    while (message := await queue.get()) is not None:
        yield message
    raise CacheUnavailable(f"the subscriber fell {SUBSCRIBER_QUEUE_LENGTH} messages behind")


def _with_trade_time(ticker: Ticker, known: Ticker | None) -> Ticker:
    """Take over the time of the last trade if `ticker` has none and is of the same trade."""
    if ticker.last_trade_at is not None or known is None or not ticker.sequence == known.sequence != 0:
        return ticker
    return msgspec.structs.replace(ticker, last_trade_at=known.last_trade_at)
