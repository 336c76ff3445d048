"""A gateway keeps the recent bars current, whatever happens to its subscription."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.state.bar_mirror import BarMirror
from history.batch import BarBatch
from history.ports import BarMessage, LogTail, LostBars
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.ticker import TickerKey
from tests.gateway.fakes import FakeClock, wait_until
from tests.gateway.state.test_recent_bars import batches, fold_of
from tests.history.trades import at, trade
from tests.pipeline.fakes import BTC


class ScriptedBars:
    """A `BarFeed` under the control of the test. `log` is the log of the only source."""

    def __init__(self) -> None:
        self.log: list[BarBatch] = []
        self.subscriptions = self.reads = 0
        self._messages: asyncio.Queue[BarMessage | None] = asyncio.Queue()

    def write(self, batch: BarBatch, *, is_published: bool = True, is_logged: bool = True) -> None:
        if is_logged:
            self.log.append(batch)
        if is_published:
            self._messages.put_nowait(batch)

    def send(self, message: BarMessage | None) -> None:
        """Send another message; `None` breaks the subscription."""
        self._messages.put_nowait(message)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[BarMessage]]:
        self._messages = asyncio.Queue()
        self.subscriptions += 1
        yield self._drain(self._messages)

    async def read_tail(self, source: Source) -> LogTail:
        self.reads += source is Source.BINANCE
        return LogTail(source, tuple(self.log) if source is Source.BINANCE else ())

    async def _drain(self, messages: asyncio.Queue[BarMessage | None]) -> AsyncIterator[BarMessage]:
        while (message := await messages.get()) is not None:
            yield message
        raise CacheUnavailable("lost for the test")


class FollowerLog:
    """A follower that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.lost = 0

    def on_batch(self, *, is_told: bool) -> None:
        self.told.append(is_told)

    def on_lost(self) -> None:
        self.lost += 1


@asynccontextmanager
async def mirrored(feed: ScriptedBars) -> AsyncIterator[tuple[BarMirror, FollowerLog]]:
    """Run a mirror that has read the log."""
    clock, follower = FakeClock(), FollowerLog()
    clock.now = at(0)
    mirror = BarMirror(feed, clock=clock, wait_s=lambda _: 0.001)
    mirror.add_follower(TickerKey(Source.BINANCE, BTC), follower)
    task = asyncio.create_task(mirror.run())
    await wait_until(lambda: mirror.loads)
    yield mirror, follower
    task.cancel()
    await asyncio.wait([task])


TOLD = batches(fold_of(), [trade(number, number * 0.5) for number in range(1, 40)], at(20))


async def test_the_log_is_read_first_then_batches_are_applied() -> None:
    """One that is in both is applied once."""
    feed = ScriptedBars()
    feed.log = TOLD[:10]
    async with mirrored(feed) as (mirror, follower):
        bars = mirror.sources[Source.BINANCE]
        assert bars.is_current
        count = len(follower.told)
        for batch in TOLD[8:15]:
            feed.write(batch)
        await wait_until(lambda: bars.applied_at == TOLD[14].folded_at)
        assert len(follower.told) == count + 5
        assert (feed.reads, follower.lost) == (1, 0)


async def test_a_batch_that_was_not_received_is_read_from_the_log() -> None:
    """Nothing is lost then."""
    feed = ScriptedBars()
    feed.log = TOLD[:10]
    async with mirrored(feed) as (mirror, follower):
        bars = mirror.sources[Source.BINANCE]
        feed.write(TOLD[10], is_published=False)
        feed.write(TOLD[11])
        await wait_until(lambda: bars.applied_at == TOLD[11].folded_at)
        assert (feed.reads, follower.lost, bars.lost_at) == (2, 0, None)


async def test_a_batch_that_is_not_in_the_log_either_is_lost() -> None:
    """Followers are told, and what came before is forgotten."""
    feed = ScriptedBars()
    feed.log = TOLD[:10]
    async with mirrored(feed) as (mirror, follower):
        bars = mirror.sources[Source.BINANCE]
        feed.write(TOLD[11])
        await wait_until(lambda: bars.applied_at == TOLD[11].folded_at)
        assert (follower.lost, bars.lost_at) == (1, TOLD[11].folded_at)
        assert mirror.losses[Source.BINANCE] == 1


async def test_after_a_break_the_log_tells_what_was_missed() -> None:
    """Meanwhile nothing counts as current, so that no candle closes by the clock."""
    feed = ScriptedBars()
    feed.log = TOLD[:10]
    async with mirrored(feed) as (mirror, follower):
        bars = mirror.sources[Source.BINANCE]
        feed.log += TOLD[10:20]
        feed.send(None)
        await wait_until(lambda: feed.subscriptions == 2 and bars.is_current)
        assert bars.applied_at == TOLD[19].folded_at
        assert follower.lost == 0
        feed.send(LostBars(Source.BINANCE, "a shard is away"))
        await wait_until(lambda: not bars.is_current)
        feed.send(LogTail(Source.BINANCE, tuple(TOLD[:25])))
        await wait_until(lambda: bars.is_current)
        assert bars.applied_at == TOLD[24].folded_at


async def test_without_a_log_there_is_nothing_to_run() -> None:
    """As where the history is switched off."""
    mirror = BarMirror(None, clock=FakeClock())
    await mirror.run()
    assert not mirror.exists
