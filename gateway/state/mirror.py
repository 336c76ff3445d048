"""The cache, mirrored in memory by one subscription. Reading it costs no round trip and goes on when Redis is away.

Subscribe first, then snapshot, then messages, dropping what the snapshot already has. Per key only a newer ticker is let in
and told on, whatever path it came by, so that watchers see no loss, no repeat and nothing older after newer.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog

from cache.ports import FeedMessage, Snapshot, TickerFeed
from gateway.state.position import StreamPosition
from gateway.state.rolling_counter import RollingMinuteCounter
from rates.clock import Clock, utc_now
from rates.errors import CacheUnavailable, MalformedTicker
from rates.health import REPORT_LIFETIME, SourceReport
from rates.source import Source
from rates.ticker import Ticker, TickerKey
from rates.wire import Changes

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0

log = structlog.get_logger("ratewire.gateway.mirror")


def jittered_wait_s(failures: int) -> float:
    """Seconds before the next try after so many failures in a row: doubling, half of it drawn by lot."""
    ceiling = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 10))
    return ceiling / 2 + random.random() * ceiling / 2  # noqa: S311 - spreads load, hides nothing


class SourceMirror:
    """One source's part of the mirror, and the statistics of what arrived. Written by `Mirror` only."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.place = StreamPosition("", 0)
        self.newest: Ticker | None = None
        self.latest_observed_at: datetime | None = None
        self._reports: dict[str, SourceReport] = {}
        self._arrivals = RollingMinuteCounter()

    def reports(self, now: datetime) -> tuple[SourceReport, ...]:
        """The last report of every process that has not gone silent."""
        return tuple(
            report for report in self._reports.values() if now - report.reported_at <= REPORT_LIFETIME
        )

    def tickers_per_minute(self, now: datetime) -> int:
        """How many newer tickers arrived during the last minute."""
        return self._arrivals.read(now)

    def note_ticker(self, ticker: Ticker) -> None:
        """Remember the ticker that reached us last, and the latest event time of all."""
        if self.newest is None or ticker.received_at >= self.newest.received_at:
            self.newest = ticker
        if self.latest_observed_at is None or ticker.observed_at > self.latest_observed_at:
            self.latest_observed_at = ticker.observed_at

    def note_arrivals(self, now: datetime, count: int) -> None:
        """Count tickers that arrived."""
        self._arrivals.add(now, count)

    def note_report(self, report: SourceReport, now: datetime) -> None:
        """Remember a process's report, and forget processes that went silent."""
        known = self._reports.get(report.instance)
        if known is None or report.reported_at >= known.reported_at:
            self._reports[report.instance] = report
        self._reports = {each.instance: each for each in self.reports(now)}


class TickerSlot:
    """Where the mirror keeps the newest ticker of one instrument at one source: the same place for as long as the mirror lives."""

    __slots__ = ("ticker",)

    def __init__(self) -> None:
        self.ticker: Ticker | None = None


class Mirror:
    """All sources' tickers in memory. `publish` hears of each ticker that is newer than what was known, in order."""

    def __init__(
        self,
        feed: TickerFeed,
        *,
        publish: Callable[[Ticker], None],
        sources: Iterable[Source] = Source,
        clock: Clock = utc_now,
        wait_s: Callable[[int], float] = jittered_wait_s,
    ) -> None:
        self._feed = feed
        self._publish = publish
        self._clock = clock
        self._wait_s = wait_s
        self._sources = {source: SourceMirror(source) for source in sources}
        self._cells: dict[TickerKey, TickerSlot] = {}
        self._advanced = asyncio.Event()
        self._disconnected_at: datetime | None = clock()
        self.loaded = False
        self.reloads = 0
        self.moves = 0
        """How often anything in it became another."""
        self.last_error: str | None = None

    @property
    def sources(self) -> Mapping[Source, SourceMirror]:
        """What is known of each source."""
        return self._sources

    @property
    def position(self) -> dict[Source, StreamPosition]:
        """Up to where each source's writes are in the mirror."""
        return {source: part.place for source, part in self._sources.items()}

    @property
    def disconnected_at(self) -> datetime | None:
        """Since when the mirror has not been kept current; `None` while it is."""
        return self._disconnected_at

    def read(self, key: TickerKey) -> Ticker | None:
        """The newest ticker of one instrument at one source."""
        cell = self._cells.get(key)
        return cell.ticker if cell else None

    def cell(self, key: TickerKey) -> TickerSlot:
        """Where that ticker is and will be. Only for what is tracked: a place that is asked for stays."""
        return self._cells.setdefault(key, TickerSlot())

    async def wait_until(self, source: Source, place: StreamPosition) -> None:
        """Return once the mirror is at least at `place`, or in another epoch. The caller bounds the wait."""
        while (at := self._sources[source].place).epoch == place.epoch and at.seq < place.seq:
            await self._advanced.wait()

    async def run(self) -> None:
        """Keep the mirror current until cancelled, through any number of failures of the cache."""
        failures = 0
        while True:
            loads_before = self.reloads
            try:
                await self._follow()
            except (CacheUnavailable, MalformedTicker) as exc:
                self.last_error = str(exc)
            self._disconnected_at = self._disconnected_at or self._clock()
            failures = 0 if self.reloads > loads_before else failures + 1
            wait_s = self._wait_s(failures)
            log.warning("mirror lost", error=self.last_error, failures=failures, wait_s=round(wait_s, 2))
            await asyncio.sleep(wait_s)

    async def _follow(self) -> None:
        """One subscription from its beginning to its end."""
        async with self._feed.subscribe() as messages:
            for source in self._sources:
                await self._load(source)
            self.loaded, self.last_error, self._disconnected_at = True, None, None
            self.reloads += 1
            log.info("mirror current", tickers=len(self._cells), reloads=self.reloads)
            async for message in messages:
                await self._apply(message)
        raise CacheUnavailable("the subscription ended without a reason")

    async def _load(self, source: Source) -> None:
        snapshot = await self._feed.read_snapshot(source)
        self._merge(snapshot)

    def _merge(self, snapshot: Snapshot) -> None:
        """Everything of the snapshot that is newer. What only we still have stays: its age tells the truth."""
        part = self._sources[snapshot.source]
        now = self._clock()
        for report in snapshot.reports:
            part.note_report(report, now)
        admitted = sum(self._admit(part, ticker) for ticker in snapshot.tickers)
        if self.loaded:
            # Missed while we looked away, they have arrived all the same; what lay there before we started has not.
            part.note_arrivals(now, admitted)
        self._advance(part, StreamPosition(snapshot.epoch, snapshot.seq))

    async def _apply(self, message: FeedMessage) -> None:
        part = self._sources.get(message.source)
        if part is None:
            return
        if isinstance(message, SourceReport):
            part.note_report(message, self._clock())
        elif _follows(message, part.place):
            self._change(part, message)
        elif message.epoch != part.place.epoch or message.seq > part.place.seq:
            if part.place.epoch:
                log.warning(
                    "gap",
                    source=message.source,
                    at=part.place,
                    saw=StreamPosition(message.epoch, message.seq),
                )
            await self._load(message.source)

    def _change(self, part: SourceMirror, changes: Changes) -> None:
        admitted = sum(self._admit(part, ticker) for ticker in changes.tickers)
        part.note_arrivals(self._clock(), admitted)
        self._advance(part, StreamPosition(changes.epoch, changes.seq))

    def _advance(self, part: SourceMirror, place: StreamPosition) -> None:
        part.place = place
        self._advanced.set()
        self._advanced = asyncio.Event()

    def _admit(self, part: SourceMirror, ticker: Ticker) -> bool:
        cell = self.cell(ticker.key)
        if cell.ticker is not None and not ticker.is_newer_than(cell.ticker):
            return False
        cell.ticker = ticker
        self.moves += 1
        part.note_ticker(ticker)
        self._publish(ticker)
        return True


def _follows(changes: Changes, place: StreamPosition) -> bool:
    """Whether nothing lies between; the first write of all follows a cache that was never written."""
    if place.epoch == "":
        return changes.seq == 1
    return changes.epoch == place.epoch and changes.seq == place.seq + 1
