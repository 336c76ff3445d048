"""The mirror follows the cache without loss, repeat or reordering, and outlives it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from itertools import pairwise

import pytest

from cache.memory import MemoryCache
from cache.ports import Checkpoint, Interruption, Snapshot, TickerFeed
from gateway.state.mirror import TURN_S, Mirror, jittered_wait_s
from rates.health import REPORT_LIFETIME, LinkState, SourceReport
from rates.source import Source
from rates.ticker import Ticker
from rates.wire import Changes
from tests.gateway.fakes import FakeClock, ScriptedFeed
from tests.gateway.fixture_types import BuildTicker, Until

BINANCE = Source.BINANCE
Follow = Callable[[TickerFeed], AbstractAsyncContextManager[Mirror]]


@pytest.fixture
def published() -> list[Ticker]:
    return []


@pytest.fixture
def following(published: list[Ticker], clock: FakeClock) -> Follow:
    """Runs a mirror that does not wait between tries."""

    @asynccontextmanager
    async def follow(feed: TickerFeed) -> AsyncIterator[Mirror]:
        mirror = Mirror(
            feed, publish=lambda ticker, _: published.append(ticker), clock=clock, wait_s=lambda _: 0.0
        )
        task = asyncio.create_task(mirror.run())
        try:
            yield mirror
        finally:
            task.cancel()
            await asyncio.wait([task])

    return follow


def changes(epoch: str, seq: int, *tickers: Ticker) -> Changes:
    return Changes(BINANCE, epoch, seq, tickers)


def prices(published: list[Ticker]) -> list[str]:
    return [str(ticker.price) for ticker in published]


async def test_a_write_reaches_the_mirror_and_whoever_listens(
    cache: MemoryCache, following: Follow, ticker: BuildTicker, published: list[Ticker], until: Until
) -> None:
    """From the in-process cache, snapshot and update alike."""
    await cache.write([ticker(price="1")])
    async with following(cache) as mirror:
        await until(lambda: mirror.loaded)
        newer = ticker(price="2", sequence=1)
        await cache.write([newer])
        await until(lambda: len(published) == 2)
        assert mirror.read(newer.key) == newer
        assert mirror.positions[BINANCE].seq == 2


async def test_messages_that_the_snapshot_already_has_are_dropped(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, published: list[Ticker], until: Until
) -> None:
    """Published between subscribing and the snapshot, they would otherwise be told twice."""
    first, second = ticker(price="1"), ticker(price="2", sequence=1)
    scripted_feed.gate.clear()
    async with following(scripted_feed) as mirror:
        await until(lambda: scripted_feed.snapshots_begun == 1)
        scripted_feed.send(changes("e", 1, first))
        scripted_feed.send(changes("e", 2, second))
        scripted_feed.send(changes("e", 3, ticker(price="3", sequence=2)))
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 2, (second,), ())
        scripted_feed.gate.set()
        await until(lambda: mirror.positions[BINANCE].seq == 3)
    assert prices(published) == ["2", "3"]


async def test_a_gap_is_filled_from_the_cache(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, published: list[Ticker], until: Until
) -> None:
    """The message after the gap is not applied on its own: what it skipped would be missing."""
    first, lost, last = ticker(price="1"), ticker("ETH/USDT", "7"), ticker(price="3", sequence=3)
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (first,), ())
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 3, (last, lost), ())
        scripted_feed.send(changes("e", 3, last))
        await until(lambda: mirror.positions[BINANCE].seq == 3)
    assert prices(published) == ["1", "3", "7"]


async def test_a_new_epoch_reloads_and_never_goes_back_in_time(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, published: list[Ticker], until: Until
) -> None:
    """The mirror keeps its tickers when the cache has lost them, until newer ones arrive."""
    kept, known = ticker("ETH/USDT", "7"), ticker(price="5", sequence=5)
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "old", 9, (known, kept), ())
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        older = ticker(price="4", sequence=4)
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "new", 1, (older,), ())
        scripted_feed.send(changes("new", 1, older))
        await until(lambda: mirror.positions[BINANCE][:2] == ("new", 1))
        scripted_feed.send(changes("new", 2, ticker(price="6", sequence=6)))
        await until(lambda: mirror.positions[BINANCE].seq == 2)
        assert mirror.read(kept.key) == kept
    assert prices(published) == ["5", "7", "6"]


async def test_a_new_epoch_reloads_although_its_number_would_be_the_next(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, published: list[Ticker], until: Until
) -> None:
    """Numbers of two epochs do not continue each other: what the new one holds besides is read."""
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "old", 3, (ticker(price="3", sequence=3),), ())
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        fourth, other = ticker(price="4", sequence=4), ticker("ETH/USDT", "7")
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "new", 4, (fourth, other), ())
        scripted_feed.send(changes("new", 4, fourth))
        await until(lambda: mirror.positions[BINANCE][:2] == ("new", 4))
        assert mirror.read(other.key) == other
    assert prices(published) == ["3", "4", "7"]


async def test_a_lost_subscription_is_renewed_and_what_was_missed_is_read(
    scripted_feed: ScriptedFeed,
    following: Follow,
    ticker: BuildTicker,
    published: list[Ticker],
    clock: FakeClock,
    until: Until,
) -> None:
    """Meanwhile the mirror still answers, and says since when it is cut off."""
    first = ticker(price="1")
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (first,), ())
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        assert mirror.disconnected_at is None
        scripted_feed.is_away = True
        scripted_feed.lose()
        await until(lambda: mirror.disconnected_at is not None)
        lost_at = clock()
        clock.advance(5)
        assert mirror.read(first.key) == first
        assert mirror.disconnected_at == lost_at
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 4, (ticker(price="4", sequence=4),), ())
        scripted_feed.is_away = False
        await until(lambda: mirror.disconnected_at is None)
        assert scripted_feed.subscriptions == 2
    assert prices(published) == ["1", "4"]


async def test_a_late_ticker_does_not_replace_a_newer_one(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, published: list[Ticker], until: Until
) -> None:
    """The event time decides, not the order of messages."""
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 0, (), ())
        newest = ticker(price="2", sequence=2)
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (newest,), ())
        scripted_feed.send(changes("e", 1, newest))
        scripted_feed.send(changes("e", 2, ticker(price="1", sequence=1)))
        await until(lambda: mirror.positions[BINANCE].seq == 2)
        assert mirror.read(newest.key) == newest
    assert prices(published) == ["2"]


async def test_statistics_count_the_last_minute_and_forget_silent_processes(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, clock: FakeClock, until: Until
) -> None:
    """A snapshot is no traffic; a process that has not reported for a minute is gone."""
    report = SourceReport(
        source=BINANCE,
        instance="a",
        role="consumer",
        state=LinkState.UP,
        reason=None,
        refused=2,
        reconnects=1,
        reported_at=clock(),
    )
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (ticker(),), (report,))
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        part = mirror.sources[BINANCE]
        assert part.tickers_per_minute(clock()) == 0
        scripted_feed.send(changes("e", 2, ticker(sequence=2), ticker("ETH/USDT")))
        await until(lambda: mirror.positions[BINANCE].seq == 2)
        clock.advance(30)
        scripted_feed.send(changes("e", 3, ticker(sequence=3)))
        await until(lambda: mirror.positions[BINANCE].seq == 3)
        assert part.tickers_per_minute(clock()) == 3
        clock.advance(30)
        assert part.tickers_per_minute(clock()) == 1
        assert part.reports(clock()) == (report,)
        assert part.reports(report.reported_at + REPORT_LIFETIME + timedelta(microseconds=1)) == ()


def test_tries_come_slower_and_not_in_step() -> None:
    """Many gateways that lost one Redis must not come back as one."""
    assert 0.05 <= jittered_wait_s(0) <= 0.1
    assert 1.0 <= jittered_wait_s(1_000) <= 2.0
    assert len({jittered_wait_s(3) for _ in range(10)}) > 1


async def test_what_came_by_a_reload_counts_as_arrived(
    scripted_feed: ScriptedFeed, following: Follow, ticker: BuildTicker, clock: FakeClock, until: Until
) -> None:
    """Unlike what lay in the cache before this process looked for the first time."""
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (ticker(price="1"),), ())
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        assert mirror.sources[BINANCE].tickers_per_minute(clock()) == 0
        newer = (ticker(price="2", sequence=1), ticker("ETH/USDT", "7"))
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 4, newer, ())
        scripted_feed.send(changes("e", 4, newer[0]))
        await until(lambda: mirror.positions[BINANCE].seq == 4)
        assert mirror.sources[BINANCE].tickers_per_minute(clock()) == 2


@pytest.mark.parametrize("checkpoint", [Checkpoint(BINANCE, "e", 2), Checkpoint(BINANCE, "new", 0)])
async def test_a_checkpoint_ahead_of_the_mirror_reloads_the_source(
    scripted_feed: ScriptedFeed,
    following: Follow,
    ticker: BuildTicker,
    published: list[Ticker],
    until: Until,
    checkpoint: Checkpoint,
) -> None:
    """The mirror does not wait for the next change after a gap or a new epoch."""
    first, second = ticker(price="1"), ticker(price="2", sequence=1)
    scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (first,), ())
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        begun = scripted_feed.snapshots_begun
        scripted_feed.send(Checkpoint(BINANCE, "e", 1))
        scripted_feed.send(Checkpoint(BINANCE, "e", 0))
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, checkpoint.epoch, checkpoint.seq, (second,), ())
        scripted_feed.send(checkpoint)
        await until(lambda: prices(published) == ["1", "2"])
        assert scripted_feed.snapshots_begun == begun + 1
        assert mirror.positions[BINANCE][:2] == (checkpoint.epoch, checkpoint.seq)
        assert mirror.sources[BINANCE].reloads == 1
        assert mirror.sources[Source.KRAKEN].reloads == 0


async def test_an_interruption_affects_one_source_until_its_snapshot(
    scripted_feed: ScriptedFeed,
    following: Follow,
    ticker: BuildTicker,
    published: list[Ticker],
    until: Until,
    clock: FakeClock,
) -> None:
    """The mirror counts as disconnected only while all sources are interrupted."""
    async with following(scripted_feed) as mirror:
        await until(lambda: mirror.loaded)
        scripted_feed.send(Interruption(BINANCE, "shard lost"))
        await until(lambda: mirror.interrupted_at(BINANCE) is not None)
        assert mirror.interrupted_at(BINANCE) == clock()
        assert mirror.interrupted_at(Source.KRAKEN) is None
        assert mirror.disconnected_at is None
        for source in Source:
            scripted_feed.send(Interruption(source, "shard lost"))
        await until(lambda: mirror.disconnected_at is not None)
        scripted_feed.send(Snapshot(BINANCE, "e", 7, (ticker(price="3"),), ()))
        await until(lambda: mirror.interrupted_at(BINANCE) is None)
        assert mirror.disconnected_at is None
        assert mirror.last_error == "shard lost"
        assert mirror.positions[BINANCE][:2] == ("e", 7)
        assert prices(published) == ["3"]
        assert mirror.sources[BINANCE].reloads == 1
        for source in set(Source) - {BINANCE}:
            scripted_feed.send(Snapshot(source, "", 0, (), ()))
        await until(lambda: mirror.last_error is None)


async def test_messages_that_came_together_leave_turns_to_others(
    scripted_feed: ScriptedFeed, published: list[Ticker], clock: FakeClock, ticker: BuildTicker, until: Until
) -> None:
    """The feed has them at once, so the mirror itself yields after `TURN_S`."""
    passed_s = 0.0

    def now_s() -> float:
        nonlocal passed_s
        passed_s += TURN_S / 10
        return passed_s

    mirror = Mirror(scripted_feed, publish=lambda each, _: published.append(each), clock=clock, now_s=now_s)
    following = asyncio.create_task(mirror.run())
    await until(lambda: mirror.loaded)
    turns: list[int] = []
    for seq in range(1, 101):
        scripted_feed.send(changes("e", seq, ticker(sequence=seq)))
    while len(published) < 100:
        await asyncio.sleep(0)
        turns.append(len(published))
    following.cancel()
    await asyncio.wait([following])
    assert len(turns) >= 10
    assert max(after - before for before, after in pairwise(turns)) <= 10
