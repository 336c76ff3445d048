"""An in-memory mirror of the cache, kept current by one subscription.

Reads cost no round trip and survive an outage of Redis.

Subscribe, then read the snapshot, then apply messages, skipping those the snapshot already contains. A ticker is stored and
published only if it is newer than the stored one of its key, so subscribers see no loss, no duplicate and no older value.
"""

import asyncio
import hashlib
import random
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice

import structlog

from cache.ports import FeedMessage, Interruption, Snapshot, TickerFeed
from gateway.state.position import StreamPosition
from gateway.state.source_mirror import SourceMirror
from rates.clock import Clock, utc_now
from rates.errors import CacheUnavailable, MalformedTicker
from rates.health import SourceReport
from rates.source import Source
from rates.ticker import Ticker, TickerKey
from rates.wire import Changes

LINEAGE_BYTES = 4
# The `cached_seq` of a ticker that the cache does not have: more than any sequence number.
NOT_CACHED = sys.maxsize
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
# The last changes that the mirror can name.
NAMED_CHANGES = 4_096
# Messages that have arrived together are applied for this long in one turn of the loop.
TURN_S = 0.005

log = structlog.get_logger("ratewire.gateway.mirror")


def jittered_wait_s(failures: int) -> float:
    """Seconds to wait before the next attempt: exponential backoff, half of it random."""
    ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 10))
    return ceiling / 2 + random.random() * ceiling / 2  # noqa: S311 - spreads load, hides nothing


class TickerSlot:
    """A mutable slot with the newest ticker of one instrument.

    The slot of a key never changes identity. `seq` and `cached_seq` count the writes of the source's present epoch.
    """

    __slots__ = ("cached_seq", "seq", "ticker")

    def __init__(self) -> None:
        self.ticker: Ticker | None = None
        self.seq = 0
        """The write that brought the ticker; 0 if the mirror has had it since before the epoch."""
        self.cached_seq = 0
        """The write that stored the ticker in the cache; `NOT_CACHED` if only mirrors have it, from before a loss."""


class Mirror:
    """The tickers of all sources in memory.

    Calls `publish(ticker, key)` for each ticker newer than the stored one, in order; no further message is applied while
    `is_publishing` what came before.
    """

    def __init__(
        self,
        feed: TickerFeed,
        *,
        publish: Callable[[Ticker, TickerKey], None],
        is_publishing: Callable[[], bool] = lambda: False,
        sources: Iterable[Source] = Source,
        clock: Clock = utc_now,
        cache_clock: Clock | None = None,
        wait_s: Callable[[int], float] = jittered_wait_s,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feed = feed
        self._publish = publish
        self._is_publishing = is_publishing
        self._now_s = now_s
        # When to let others have their turn of the loop; `None` before the first message of a turn.
        self._turn_until_s: float | None = None
        self._clock = clock
        self.cache_clock = cache_clock or clock
        """The clock of the cache, which dates reports."""
        self._wait_s = wait_s
        self._sources = {source: SourceMirror(source) for source in sources}
        self._slots: dict[TickerKey, TickerSlot] = {}
        self._disconnected_at: datetime | None = clock()
        self.loaded = False
        self.reloads = 0
        self.version = 0
        """The number of changes of stored tickers so far."""
        self._changed: deque[TickerSlot] = deque(maxlen=NAMED_CHANGES)
        self.last_error: str | None = None

    @property
    def sources(self) -> Mapping[Source, SourceMirror]:
        """The mirrored state of each source."""
        return self._sources

    @property
    def positions(self) -> dict[Source, StreamPosition]:
        """The stream position up to which the mirror contains each source's writes."""
        return {source: mirrored.position for source, mirrored in self._sources.items()}

    @property
    def disconnected_at(self) -> datetime | None:
        """The time since which no source is kept current; `None` while at least one is."""
        if self._disconnected_at is not None:
            return self._disconnected_at
        times = [mirrored.interrupted_at for mirrored in self._sources.values()]
        return max((each for each in times if each is not None), default=None) if all(times) else None

    def clock_skews(self) -> dict[str, timedelta]:
        """The lead of the clock of each reporting process's machine, by process."""
        now = self.cache_clock()
        return {
            report.instance: report.clock_skew
            for mirrored in self._sources.values()
            for report in mirrored.reports(now)
        }

    def interrupted_at(self, source: Source) -> datetime | None:
        """The time since which `source` is not kept current; `None` while it is."""
        return self._disconnected_at or self._sources[source].interrupted_at

    def read(self, key: TickerKey) -> Ticker | None:
        """The newest ticker of an instrument."""
        slot = self._slots.get(key)
        return slot.ticker if slot else None

    def slot(self, key: TickerKey) -> TickerSlot:
        """The slot of a tracked instrument, created if missing and never removed."""
        return self._slots.setdefault(key, TickerSlot())

    def changed_slots(self, version: int) -> Iterable[TickerSlot] | None:
        """Return the slots changed since `version`, the newest first; `None` if too many have."""
        count = self.version - version
        return islice(reversed(self._changed), count) if count <= len(self._changed) else None

    async def wait_until(self, source: Source, position: StreamPosition) -> None:
        """Return once the mirror has reached `position` or another epoch.

        The caller bounds the wait.
        """
        mirrored = self._sources[source]
        while (at := mirrored.position).epoch == position.epoch and at.seq < position.seq:
            await mirrored.waiters.wait(position.seq)

    async def run(self) -> None:
        """Keep the mirror current until cancelled; retry for ever when the cache fails.

        An exception that no code expected ends the call, and the mirror counts as disconnected until the next one.
        """
        failures = 0
        while True:
            loads_before = self.reloads
            try:
                await self._sync()
            except (CacheUnavailable, MalformedTicker) as exc:
                self.last_error = str(exc)
            except Exception as exc:
                self.last_error = f"{type(exc).__name__}: {exc}"
                self._disconnected_at = self._disconnected_at or self._clock()
                raise
            self._disconnected_at = self._disconnected_at or self._clock()
            failures = 0 if self.reloads > loads_before else failures + 1
            wait_s = self._wait_s(failures)
            log.warning("mirror lost", error=self.last_error, failures=failures, wait_s=round(wait_s, 2))
            await asyncio.sleep(wait_s)

    async def _sync(self) -> None:
        """Run one subscription until it is lost."""
        async with self._feed.subscribe() as messages:
            for source, mirrored in self._sources.items():
                mirrored.interrupted_at = None
                await self._load(source)
            self.loaded, self.last_error, self._disconnected_at = True, None, None
            self.reloads += 1
            log.info("mirror current", tickers=len(self._slots), reloads=self.reloads)
            await self._apply_all(messages)
        raise CacheUnavailable("the subscription ended without a reason")

    async def _apply_all(self, messages: AsyncIterator[FeedMessage]) -> None:
        """Apply messages, and yield: those that came together are read without waiting."""
        loop = asyncio.get_running_loop()
        async for message in messages:
            while self._is_publishing():  # noqa: ASYNC110 - each turn goes on with it
                await asyncio.sleep(0)
            if self._turn_until_s is None:
                self._turn_until_s = self._now_s() + TURN_S
                loop.call_soon(self._end_turn)
            await self._apply(message)
            if self._turn_until_s is not None and self._now_s() >= self._turn_until_s:
                await asyncio.sleep(0)

    def _end_turn(self) -> None:
        self._turn_until_s = None

    async def _load(self, source: Source) -> None:
        snapshot = await self._feed.read_snapshot(source)
        self._apply_snapshot(snapshot)

    def _apply_snapshot(self, snapshot: Snapshot) -> None:
        """Store each newer ticker of the snapshot.

        Tickers missing from it stay: their age is still correct.
        """
        mirrored = self._sources[snapshot.source]
        now = self._clock()
        for report in snapshot.reports:
            mirrored.record_report(report, self.cache_clock())
        position = mirrored.position
        if snapshot.epoch != position.epoch:
            self._begin_epoch(mirrored)
        seqs, seq = snapshot.seqs, snapshot.seq
        stored = sum(
            self._store(mirrored, ticker, seqs.get(ticker.symbol, seq)) for ticker in snapshot.tickers
        )
        if self.loaded:
            mirrored.reloads += 1
            # Tickers missed while disconnected count as arrivals; those cached before this process started do not.
            mirrored.arrivals.add(now, stored)
        if snapshot.epoch == position.epoch:
            # A promoted replica may lack the last writes until its first one begins an epoch: the mirror has them.
            seq = max(seq, position.seq)
        self._advance(mirrored, snapshot.epoch, seq)

    async def _apply(self, message: FeedMessage) -> None:
        mirrored = self._sources.get(message.source)
        if mirrored is None:
            return
        if isinstance(message, SourceReport):
            mirrored.record_report(message, self.cache_clock())
        elif isinstance(message, Snapshot):
            mirrored.interrupted_at = None
            if not any(each.interrupted_at for each in self._sources.values()):
                self.last_error = None
            self._apply_snapshot(message)
        elif isinstance(message, Interruption):
            mirrored.interrupted_at = mirrored.interrupted_at or self._clock()
            self.last_error = message.reason
        elif isinstance(message, Changes) and _is_next(message, mirrored.position):
            self._apply_changes(mirrored, message)
        elif message.epoch != mirrored.position.epoch or message.seq > mirrored.position.seq:
            if mirrored.position.epoch:
                log.warning(
                    "gap",
                    source=message.source,
                    at=mirrored.position,
                    saw=StreamPosition(message.epoch, message.seq),
                )
            await self._load(message.source)

    def _apply_changes(self, mirrored: SourceMirror, changes: Changes) -> None:
        stored, seq = 0, changes.seq
        for ticker in changes.tickers:
            stored += self._store(mirrored, ticker, seq)
        self._advance(mirrored, changes.epoch, seq)
        mirrored.arrivals.add(self._clock(), stored)

    def _begin_epoch(self, mirrored: SourceMirror) -> None:
        """Keep the tickers of the last epoch; the cache of the new one may lack them."""
        epoch, seq, lineage = mirrored.position
        if epoch:
            left = f"{lineage}/{epoch}:{seq}".encode()
            lineage = hashlib.blake2s(left, digest_size=LINEAGE_BYTES).hexdigest()
        mirrored.position = StreamPosition("", 0, lineage)
        mirrored.waiters.end()
        for key, slot in self._slots.items():
            if key.source is mirrored.source and slot.ticker is not None:
                slot.seq, slot.cached_seq = 0, NOT_CACHED

    def _advance(self, mirrored: SourceMirror, epoch: str, seq: int) -> None:
        mirrored.position = StreamPosition(epoch, seq, mirrored.position.lineage)
        # On the way of every write: rarely does anything wait.
        if seq >= mirrored.waiters.lowest:
            mirrored.waiters.reach(seq)

    def _store(self, mirrored: SourceMirror, ticker: Ticker, seq: int) -> bool:
        """Store the ticker of the write `seq` if it is newer; return whether it is."""
        key = TickerKey(ticker.source, ticker.symbol)
        slot = self._slots.get(key) or self.slot(key)
        if slot.ticker is not None and not ticker.is_newer_than(slot.ticker):
            if slot.cached_seq == NOT_CACHED and not slot.ticker.is_newer_than(ticker):
                slot.cached_seq = seq
            return False
        slot.ticker, slot.seq, slot.cached_seq = ticker, seq, seq
        self.version += 1
        self._changed.append(slot)
        mirrored.record_ticker(ticker)
        self._publish(ticker, key)
        return True


def _is_next(changes: Changes, position: StreamPosition) -> bool:
    """Whether the changes directly follow `position`.

    The first write follows the position of an empty cache.
    """
    if position.epoch == "":
        return changes.seq == 1
    return changes.epoch == position.epoch and changes.seq == position.seq + 1
