"""Keeps the recent bars of all sources current by one subscription to the log of bars.

Subscribe, then read the end of the log, then apply batches. A missing number is looked up in the log; only if it is not there either,
what was known is forgotten.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Protocol as Role

import structlog

from gateway.state.mirror import jittered_wait_s
from gateway.state.recent_bars import RecentBars
from history.batch import BarBatch
from history.ports import BarFeed, BarMessage, LogTail
from rates.clock import Clock
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

# Batches of the log that are applied without letting others have their turn.
BATCHES_A_TURN = 20

log = structlog.get_logger("ratewire.gateway.bars")


class BarFollower(Role):
    """A receiver of what the batches of an instrument's source change. It must not block."""

    def on_batch(self, *, is_told: bool) -> None:
        """Note that a batch was applied. `is_told`: it is about the instrument."""
        ...

    def on_lost(self) -> None:
        """Note that batches were lost: earlier seconds are not known any more."""
        ...


class BarMirror:
    """The recent bars of all sources. Without a `feed` there are none."""

    def __init__(
        self,
        feed: BarFeed | None,
        *,
        clock: Clock,
        sources: Iterable[Source] = Source,
        wait_s: Callable[[int], float] = jittered_wait_s,
    ) -> None:
        self._feed, self._clock, self._wait_s = feed, clock, wait_s
        self._sources = {source: RecentBars(source) for source in sources}
        self._followers: dict[Source, dict[BarFollower, Symbol]] = {source: {} for source in self._sources}
        self.loads = 0
        """How often the end of all logs was read."""
        self.losses = dict.fromkeys(self._sources, 0)
        """How often batches of a source were lost."""

    @property
    def exists(self) -> bool:
        """Whether this gateway follows the log of bars."""
        return self._feed is not None

    @property
    def sources(self) -> Mapping[Source, RecentBars]:
        """The recent bars of each source."""
        return self._sources

    def add_follower(self, key: TickerKey, follower: BarFollower) -> None:
        """Tell `follower` of each batch of the instrument's source."""
        self._followers[key.source][follower] = key.symbol

    def remove_follower(self, key: TickerKey, follower: BarFollower) -> None:
        """Tell `follower` nothing more."""
        self._followers[key.source].pop(follower, None)

    async def run(self) -> None:
        """Keep the bars current until cancelled; retry for ever while the log is away."""
        if self._feed is None:
            return
        failures = 0
        while True:
            before, error = self.loads, ""
            try:
                await self._sync(self._feed)
            except CacheUnavailable as exc:
                error = str(exc)
            finally:
                for bars in self._sources.values():
                    bars.is_current = False
            failures = 0 if self.loads > before else failures + 1
            wait_s = self._wait_s(failures)
            log.warning("bars lost", error=error, failures=failures, wait_s=round(wait_s, 2))
            await asyncio.sleep(wait_s)

    async def _sync(self, feed: BarFeed) -> None:
        async with feed.subscribe() as messages:
            for source in self._sources:
                await self._apply_tail(await feed.read_tail(source))
            self.loads += 1
            await self._apply_all(feed, messages)

    async def _apply_all(self, feed: BarFeed, messages: AsyncIterator[BarMessage]) -> None:
        async for message in messages:
            if isinstance(message, LogTail):
                await self._apply_tail(message)
            elif isinstance(message, BarBatch):
                if message.source not in self._sources:
                    continue
                if not self._sources[message.source].follows(message):
                    await self._apply_tail(await feed.read_tail(message.source))
                self._apply(message, is_live=True)
            else:
                self._sources[message.source].is_current = False

    async def _apply_tail(self, tail: LogTail) -> None:
        """Apply the batches of the log that are not known yet."""
        bars = self._sources[tail.source]
        for number, batch in enumerate(tail.batches):
            self._apply(batch, is_live=False)
            if number % BATCHES_A_TURN == BATCHES_A_TURN - 1:
                await asyncio.sleep(0)
        bars.is_current = True
        for follower in tuple(self._followers[tail.source]):
            follower.on_batch(is_told=True)

    def _apply(self, batch: BarBatch, *, is_live: bool) -> None:
        bars = self._sources[batch.source]
        lost_at = bars.lost_at
        told = bars.apply(batch, self._clock() if is_live else None)
        if told is None:
            return
        followers = self._followers[batch.source]
        if bars.lost_at != lost_at:
            self.losses[batch.source] += 1
            log.warning("bars missing", source=batch.source, session=batch.session, number=batch.number)
            for follower in tuple(followers):
                follower.on_lost()
        for follower, symbol in tuple(followers.items()):
            follower.on_batch(is_told=symbol in told)
