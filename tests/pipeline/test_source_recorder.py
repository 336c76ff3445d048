"""The recorder stores states, delays and refusals of a source, and only what it has seen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cache.memory import MemoryCache
from cache.ports import FeedMessage, Snapshot
from history.candle_reader import CandleReader
from history.interval import Interval, TimeSpan
from history.source_record import RecordedState, SourceRecord
from history.store import HistoryStore
from instruments.store import InstrumentStore
from pipeline.source_recorder import MAX_PIECES, SourceRecorder
from rates.errors import CacheUnavailable, DatabaseUnavailable
from rates.health import LinkState, SourceReport
from rates.source import ObservedAtOrigin, Source
from rates.ticker import Ticker
from tests.gateway.fakes import wait_until
from tests.history.trades import START, at
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC, FakeClock, instrument

UP, STALLED, DOWN = RecordedState.UP, RecordedState.STALLED, RecordedState.DOWN
TTL = timedelta(seconds=10)


class Feed:
    """A `TickerFeed` over a cache, which can lose messages or be away."""

    def __init__(self, cache: MemoryCache) -> None:
        self._cache = cache
        self.is_away = False
        self.dropped = 0
        self.subscriptions = 0
        self._lose = asyncio.Event()

    def break_off(self) -> None:
        """Lose the subscription."""
        self._lose.set()

    async def read_snapshot(self, source: Source) -> Snapshot:
        return await self._cache.read_snapshot(source)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[FeedMessage]]:
        if self.is_away:
            raise CacheUnavailable("away")
        async with self._cache.subscribe() as messages:
            self.subscriptions += 1
            self._lose = asyncio.Event()
            yield self._pass_on(messages)

    async def _pass_on(self, messages: AsyncIterator[FeedMessage]) -> AsyncIterator[FeedMessage]:
        lost = asyncio.ensure_future(self._lose.wait())
        while True:
            message = asyncio.ensure_future(anext(messages))
            await asyncio.wait([message, lost], return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                message.cancel()
                raise CacheUnavailable("lost")
            if self.dropped:
                self.dropped -= 1
                await message
                continue
            yield await message


class World:
    """A source, the cache, and a recorder that follows it by a clock of the test."""

    def __init__(self, database: InstrumentStore) -> None:
        self.clock = FakeClock(START)
        self.cache = MemoryCache()
        self.feed = Feed(self.cache)
        self.database = database
        self.store = HistoryStore(database, simulated=True)
        self.recorder = SourceRecorder(
            self.feed,
            self.store,
            ttl={Source.BINANCE: TTL},
            instruments=lambda _: [instrument("BTC/USDT")],
            simulated=True,
            clock=self.clock,
            cache_clock=self.clock,
            on_tickers=lambda source, tickers: self.seen.extend((source, int(one.price)) for one in tickers),
        )
        self.seen: list[tuple[Source, int]] = []
        self.refused = 0
        self.state = LinkState.UP
        self.price = 1

    async def report(self) -> None:
        """Have the feed's process report."""
        await self.cache.report(
            SourceReport(
                source=Source.BINANCE,
                instance="stream-1",
                role="stream",
                state=self.state,
                reason=None,
                refused=self.refused,
                reconnects=0,
                reported_at=self.clock(),
            )
        )

    async def tick(self, lag_ms: int = 40) -> None:
        """Write a newer rate that was observed so long ago."""
        self.price += 1
        observed = self.clock() - timedelta(milliseconds=lag_ms)
        ticker = Ticker(
            source=Source.BINANCE,
            symbol=BTC,
            price=Decimal(self.price),
            observed_at=observed,
            observed_at_origin=ObservedAtOrigin.SOURCE,
            received_at=self.clock(),
            sequence=self.price,
        )
        await self.cache.write([ticker])

    async def run(self, start: int, end: int, *, ticks: bool = True) -> None:
        """Let seconds pass, each with a report, a rate, and a sample of the recorder."""
        for second in range(start, end):
            self.clock.now = at(second)
            await self.report()
            if ticks:
                await self.tick()
            # Messages in process are there after a turn of the loop.
            for _ in range(20):
                await asyncio.sleep(0)
            self.recorder.sample_once(self.clock())

    async def read(self) -> SourceRecord:
        """Store all that is whole, and read it."""
        while self.recorder._pending:
            await self.recorder.store_once()
        reader = CandleReader(self.database, simulated=True)
        return await reader.read_source_record(Source.BINANCE, TimeSpan(at(0), at(7200)), Interval.M1, 500)


def seconds(record: SourceRecord) -> list[tuple[float, float, RecordedState]]:
    return [
        ((one.start - START).total_seconds(), (one.end - START).total_seconds(), one.state)
        for one in record.periods
    ]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite+aiosqlite:///{tmp_path}/history.sqlite"
    await migrate_new(url)
    database = InstrumentStore(url)
    world = World(database)
    await world.report()
    await world.tick()
    following = asyncio.create_task(world.recorder.follow())
    await wait_until(lambda: world.feed.subscriptions == 1)
    yield world
    following.cancel()
    await asyncio.wait([following])
    await database.close()


async def test_states_delays_and_refusals_are_recorded(world: World) -> None:
    """A source that falls silent is STALLED once its rates are not fresh any more."""
    await world.run(0, 30)
    world.refused = 7
    await world.run(30, 61, ticks=False)
    record = await world.read()
    # The last rate is of 28.96 s, and fresh for ten seconds.
    assert seconds(record) == [(0, 39, UP), (39, 60, STALLED)]
    assert "its newest value is" in str(record.periods[1].reason)
    (minute,) = record.spans
    assert minute.recorded == timedelta(minutes=1)
    assert (minute.figures.received, minute.figures.refused) == (29, 7)
    assert minute.figures.lags.quantile_ms(0.99) == 41


async def test_a_process_that_starts_again_counts_from_zero(world: World) -> None:
    """Refusals from before the recorder came do not count."""
    world.refused = 100
    await world.report()
    await asyncio.sleep(0)
    await world.run(0, 6)
    world.refused = 3
    await world.run(6, 11)
    (minute,) = (await world.read()).spans
    assert minute.figures.refused == 3


async def test_nothing_is_recorded_while_messages_are_lost(world: World) -> None:
    """The time from the last sample to the first one after it is in no period."""
    await world.run(0, 8)
    world.feed.is_away = True
    world.feed.break_off()
    await wait_until(lambda: not world.recorder._watches[Source.BINANCE]._is_current)
    await world.run(8, 20)
    world.feed.is_away = False
    await wait_until(lambda: world.feed.subscriptions == 2)
    await world.run(20, 31)
    assert seconds(await world.read()) == [(0, 7, UP), (20, 30, UP)]


async def test_a_lost_message_leaves_a_hole(world: World) -> None:
    """A write that was missed is seen by its number, and the cache is read anew."""
    await world.run(0, 8)
    world.feed.dropped = 2
    await world.run(8, 9)
    await world.run(9, 21)
    periods = seconds(await world.read())
    assert [one[2] for one in periods] == [UP, UP]
    assert periods[0][1] < periods[1][0]


async def test_a_process_that_slept_leaves_a_hole(world: World) -> None:
    """Nobody knows what the state was meanwhile."""
    await world.run(0, 8)
    await world.run(100, 111)
    assert seconds(await world.read()) == [(0, 7, UP), (100, 110, UP)]


async def test_a_state_at_the_start_is_that_of_sources(world: World) -> None:
    """A process that cannot reach the source makes it DOWN."""
    world.state = LinkState.DOWN
    await world.run(0, 6)
    assert seconds(await world.read()) == [(0, 5, DOWN)]


@pytest.mark.slow
async def test_records_wait_for_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept, up to a bound, and stored once it is back."""

    async def fail(_pieces: object) -> None:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "record_sources", fail)
        await world.run(0, 31)
        with pytest.raises(DatabaseUnavailable):
            await world.recorder.store_once()
    assert seconds(await world.read()) == [(0, 30, UP)]
    assert world.recorder._pending.maxlen == MAX_PIECES


async def test_values_are_handed_on_from_the_newest_in_the_cache_on(world: World) -> None:
    """After lost messages too, the newest one comes first: samples are folded from these."""
    await world.run(0, 2)
    assert world.seen == [(Source.BINANCE, price) for price in (2, 3, 4)]
    world.feed.break_off()
    await wait_until(lambda: world.feed.subscriptions == 2)
    await world.run(2, 3)
    assert world.seen[3:] == [(Source.BINANCE, price) for price in (4, 5)]
