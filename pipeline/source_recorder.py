"""Records the states of all sources and their figures, from the messages of the cache.

May be killed at any time, and several may run. A time of which messages were lost is recorded by nobody.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NoReturn

import structlog

from cache.ports import FeedMessage, Interruption, Snapshot, TickerFeed
from history.source_record import RecordedPiece
from history.store import HistoryStore
from instruments.instrument import Instrument
from pipeline.source_watch import SourceWatch
from rates.clock import EPOCH, Clock
from rates.errors import CacheUnavailable, DatabaseUnavailable, MalformedTicker
from rates.health import SourceReport
from rates.source import Source
from rates.ticker import Ticker
from rates.wire import Changes
from runtime.backoff import Backoff

SAMPLE_EVERY = timedelta(seconds=1)
FIRST_RETRY, LONGEST_RETRY = timedelta(milliseconds=200), timedelta(seconds=5)
# While the database is away: an hour of six sources. Then the oldest are dropped, and their time is UNKNOWN.
MAX_PIECES = 6 * 720
# In one transaction.
PIECES_AT_ONCE = 120


class SourceRecorder:
    """Records the sources of `ttl`. `instruments`: those that are tracked and trading.

    `cache_clock` dates reports. `on_tickers` gets the values of these sources: those in the cache first, then each newer one. `follow`, `sample` and `store` run until cancelled, each as a task.
    """

    def __init__(
        self,
        feed: TickerFeed,
        store: HistoryStore,
        *,
        ttl: Mapping[Source, timedelta],
        instruments: Callable[[Source], Sequence[Instrument]],
        simulated: bool,
        clock: Clock,
        cache_clock: Clock,
        on_tickers: Callable[[Source, Sequence[Ticker]], None] = lambda *_: None,
    ) -> None:
        self._on_tickers = on_tickers
        self._feed, self._store, self._instruments = feed, store, instruments
        self._clock, self._cache_clock = clock, cache_clock
        self._watches = {
            source: SourceWatch(source, ttl=each, simulated=simulated) for source, each in ttl.items()
        }
        self._pending: deque[RecordedPiece] = deque(maxlen=MAX_PIECES)
        self._has_pending = asyncio.Event()
        self._log = structlog.get_logger("ratewire.sources")

    async def follow(self) -> NoReturn:
        """Follow the messages of the cache; subscribe anew when they are lost."""
        backoff = Backoff(FIRST_RETRY, LONGEST_RETRY)
        while True:
            try:
                await self._follow_once(backoff)
            except (CacheUnavailable, MalformedTicker) as exc:
                self._log.warning("sources are not recorded", error=str(exc))
            finally:
                for watch in self._watches.values():
                    watch.interrupt()
            await asyncio.sleep(backoff.next_wait().total_seconds())

    async def sample(self) -> NoReturn:
        """Record the states at each whole second."""
        while True:
            now = self._clock()
            await asyncio.sleep((SAMPLE_EVERY - (now - EPOCH) % SAMPLE_EVERY).total_seconds())
            self.sample_once(self._clock())

    def sample_once(self, now: datetime) -> None:
        """Record the state of each source, and hand on what is whole."""
        cache_time = self._cache_clock()
        for source, watch in self._watches.items():
            watch.sample(now, cache_time, self._instruments(source))
            self._pending.extend(watch.take())
        if self._pending:
            self._has_pending.set()

    async def store(self) -> NoReturn:
        """Store what was recorded; keep it while the database is away."""
        backoff, is_away = Backoff(FIRST_RETRY, LONGEST_RETRY), False
        while True:
            await self._has_pending.wait()
            try:
                await self.store_once()
            except DatabaseUnavailable as exc:
                if not is_away:
                    self._log.warning("records of sources are not stored, and kept", error=str(exc))
                is_away = True
                await asyncio.sleep(backoff.next_wait().total_seconds())
            else:
                is_away = False
                backoff.reset()

    async def store_once(self) -> None:
        """Store the oldest pieces.

        Raises:
            DatabaseUnavailable: they may or may not be stored. Repeating it is safe.
        """
        pieces = list(islice(self._pending, PIECES_AT_ONCE))
        await self._store.record_sources(pieces)
        # Others may have been dropped meanwhile, the oldest first.
        for piece in pieces:
            if self._pending and self._pending[0] is piece:
                self._pending.popleft()
        if not self._pending:
            self._has_pending.clear()

    async def _follow_once(self, backoff: Backoff) -> None:
        async with self._feed.subscribe() as messages:
            for source, watch in self._watches.items():
                self._load(watch, await self._feed.read_snapshot(source))
            backoff.reset()
            self._log.info("recording the sources", sources=len(self._watches))
            async for message in messages:
                await self._apply(message)

    async def _apply(self, message: FeedMessage) -> None:
        watch = self._watches.get(message.source)
        if watch is None:
            return
        match message:
            case SourceReport():
                watch.apply_report(message)
            case Interruption():
                watch.interrupt()
            case Snapshot():
                self._load(watch, message)
            case _ if not watch.follows(message.epoch, message.seq):
                # A write was missed, or the cache has begun anew.
                self._load(watch, await self._feed.read_snapshot(message.source))
            case Changes():
                watch.apply(message)
                self._on_tickers(message.source, message.tickers)
            case _:
                """A position that is reached: nothing is missing."""

    def _load(self, watch: SourceWatch, snapshot: Snapshot) -> None:
        watch.load(snapshot)
        self._on_tickers(watch.source, snapshot.tickers)
