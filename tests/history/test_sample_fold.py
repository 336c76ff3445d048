"""Prices that a source publishes now and then make candles without a volume."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from history.bar_writer import BarWriter
from history.batch import InstrumentEnd, InstrumentStart
from history.candle import Candle, CandleOrigin, CandleState
from history.coverage import CandleCoverage, Gap, GapReason, clip_open, find_gaps
from history.interval import TimeSpan
from history.memory_log import MemoryBarLog
from history.recorder import Recorder
from history.redis_limits import LEASE, LOG_LENGTH
from history.sample_fold import Sample, SampleFold
from history.store import HistoryStore
from history.verify import Verification
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol
from tests.history.trades import START, at
from tests.instruments.conftest import url
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC, FakeClock

__all__ = ["url"]
SOURCE = Source.COINGECKO
ETH = Symbol("ETH", "USD")
COMPLETE, PARTIAL = CandleCoverage.COMPLETE, CandleCoverage.PARTIAL
NO_TRADES, UNKNOWN = CandleCoverage.NO_TRADES, CandleCoverage.UNKNOWN
# A price arrives so long after its time.
LAG_S = 30
DAY = timedelta(days=1)


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A migrated database."""
    await migrate_new(url)
    store = InstrumentStore(url)
    yield store
    await store.close()


class Sampling:
    """Processes that sample the same prices, the log, and a recorder."""

    def __init__(self, database: InstrumentStore) -> None:
        self.clock = FakeClock(START)
        self.bars = MemoryBarLog(self.clock, length=LOG_LENGTH)
        self.store = HistoryStore(database, simulated=False)
        self.tracked = {BTC, ETH}
        self.writers: list[BarWriter[SampleFold]] = []
        self.recorder = Recorder(
            SOURCE, self.bars, self.store, keep_seconds=DAY, keep_minutes=30 * DAY, clock=self.clock
        )

    async def start(self, session: str) -> BarWriter[SampleFold]:
        """Start a process."""
        writer = BarWriter(
            SampleFold(SOURCE, session), self.bars, tracked=lambda: self.tracked, clock=self.clock
        )
        await writer.start()
        self.writers.append(writer)
        return writer

    async def run(
        self, end: float, *samples: tuple[float, str], symbol: Symbol = BTC, lag_s: float = LAG_S
    ) -> None:
        """Let time pass, a second at a time. Prices arrive after their times."""
        waiting = [
            (at(seconds + lag_s), Sample(symbol, Decimal(price), at(seconds))) for seconds, price in samples
        ]
        while self.clock.now < at(end):
            self.clock.advance(seconds=1)
            arrived = [sample for arrival, sample in waiting if arrival == self.clock.now]
            for writer in self.writers:
                writer.fold.add(arrived)
                await writer.step()

    async def record(self) -> None:
        """Store all that is in the log."""
        while await self.recorder.step():
            pass

    async def minutes(self, symbol: Symbol = BTC) -> list[Candle]:
        return list(await self.store.read_minutes(SOURCE, symbol, TimeSpan(START, at(7200))))

    async def gaps(self, start: float, end: float) -> list[Gap]:
        """Return the gaps of a time, as far as it is proved."""
        spans = clip_open(await self.store.read_spans(SOURCE, BTC), self.clock())
        return list(find_gaps(TimeSpan(at(start), at(end)), spans))


@pytest.fixture
def sampling(database: InstrumentStore) -> Sampling:
    return Sampling(database)


def summarise(candles: list[Candle]) -> list[tuple[CandleCoverage, str | None, int]]:
    """Return coverage, close and revision of candles."""
    return [(one.coverage, None if one.bar is None else str(one.bar.close), one.revision) for one in candles]


async def test_a_price_a_minute_makes_complete_candles_without_a_volume(sampling: Sampling) -> None:
    """Each is stored once, although its prices arrive after its end."""
    await sampling.start("one")
    prices = [(15 + 60 * number, f"{100 + number}.0") for number in range(6)]
    prices.insert(3, (150, "99.50"))
    await sampling.run(400, *prices)
    await sampling.record()
    minutes = await sampling.minutes()
    assert summarise(minutes) == [
        (PARTIAL, "100.0", 0),
        (COMPLETE, "101.0", 0),
        (COMPLETE, "99.50", 0),
        (COMPLETE, "103.0", 0),
        (COMPLETE, "104.0", 0),
    ]
    assert {(one.origin, one.state) for one in minutes} == {(CandleOrigin.SAMPLES, CandleState.CLOSED)}
    bar = minutes[2].bar
    assert bar is not None
    assert [str(price) for price in (bar.open, bar.high, bar.low, bar.close)] == [
        "102.0",
        "102.0",
        "99.50",
        "99.50",
    ]
    assert (bar.volume, bar.quote_volume, bar.trades, bar.vwap) == (None, None, None, None)
    assert (bar.first_at, bar.last_at) == (at(135), at(150))
    assert not [one async for one in Verification(sampling.store, SOURCE).run(TimeSpan(START, at(360)))]


@pytest.mark.slow
async def test_a_minute_without_a_price_is_known_if_the_samples_are_close_enough(sampling: Sampling) -> None:
    """A source may renew a price every other minute; a pause of more than its TTL is a gap."""
    await sampling.start("one")
    await sampling.run(1100, (10, "1"), (130, "2"), (310, "3"), (491, "4"), (600, "5"), (780, "6"))
    await sampling.record()
    assert summarise(await sampling.minutes()) == [
        (PARTIAL, "1", 0),
        (NO_TRADES, None, 0),
        (COMPLETE, "2", 0),
        (NO_TRADES, None, 0),
        (NO_TRADES, None, 0),
        # 181 s without a price: of the two minutes between both nothing is known.
        (PARTIAL, "3", 0),
        (PARTIAL, "4", 0),
        (NO_TRADES, None, 0),
        (COMPLETE, "5", 0),
        (NO_TRADES, None, 0),
        (NO_TRADES, None, 0),
        (PARTIAL, "6", 0),
    ]
    assert await sampling.gaps(10, 780) == [Gap(at(310), at(491), GapReason.STALLED)]


async def test_a_short_restart_leaves_no_gap(sampling: Sampling) -> None:
    """The next process goes on from the last sample of the one before."""
    await sampling.start("one")
    await sampling.run(200, *((15 + 60 * number, f"{number}") for number in range(3)))
    sampling.writers.clear()
    await sampling.run(230)
    await sampling.start("two")
    # The cache still has the newest price.
    await sampling.run(400, (135, "2"), (195, "3"), (255, "4"), (315, "5"), lag_s=100)
    await sampling.record()
    assert summarise(await sampling.minutes()) == [
        (PARTIAL, "0", 0),
        *((COMPLETE, f"{number}", 0) for number in range(1, 4)),
    ]
    assert await sampling.gaps(15, 255) == []


@pytest.mark.slow
async def test_a_long_restart_is_a_gap(sampling: Sampling) -> None:
    """Prices of the time without a process are not known."""
    await sampling.start("one")
    await sampling.run(200, *((15 + 60 * number, f"{number}") for number in range(3)))
    sampling.writers.clear()
    await sampling.run(390)
    await sampling.start("two")
    await sampling.run(500, (375, "6"), (435, "7"))
    await sampling.record()
    assert summarise(await sampling.minutes()) == [
        (PARTIAL, "0", 0),
        (COMPLETE, "1", 0),
        (PARTIAL, "2", 0),
        (PARTIAL, "6", 0),
    ]
    assert await sampling.gaps(15, 435) == [Gap(at(135), at(375), GapReason.DISCONNECTED)]


@pytest.mark.slow
async def test_two_recorders_store_each_sample_once(sampling: Sampling) -> None:
    """One writes. The other one takes over without a gap, and tells the last minutes again."""
    await sampling.start("one")
    await sampling.start("two")
    await sampling.run(200, *((15 + 60 * number, f"{number}") for number in range(3)))
    assert [writer.has_lease for writer in sampling.writers] == [True, False]
    await sampling.record()
    # Killed with a sample that it had not written.
    del sampling.writers[0]
    await sampling.run(500, *((195 + 60 * number, f"{3 + number}") for number in range(5)))
    assert sampling.writers[0].has_lease
    await sampling.record()
    assert summarise(await sampling.minutes()) == [
        (PARTIAL, "0", 0),
        *((COMPLETE, f"{number}", 0) for number in range(1, 7)),
    ]
    seconds = await sampling.store.read_seconds(SOURCE, BTC, TimeSpan(START, at(7200)))
    assert [(str(one.bar.close), one.revision) for one in seconds] == [
        (f"{number}", 0) for number in range(8)
    ]
    assert await sampling.gaps(15, 435) == []


def sample(seconds: float, price: str = "1", symbol: Symbol = BTC) -> Sample:
    return Sample(symbol, Decimal(price), at(seconds))


def read_events(fold: SampleFold, now: datetime) -> list[tuple[str, float]]:
    """Take a batch; return the starts and ends of covered spans in it."""
    batch = fold.take(now)
    found = []
    for event in () if batch is None else batch.spans:
        if isinstance(event, InstrumentStart):
            found.append(("start", (event.start.at - START).total_seconds()))
        else:
            assert isinstance(event, InstrumentEnd)
            found.append((event.end.reason.value, (event.end.at - START).total_seconds()))
    return found


def test_a_price_that_comes_late_closes_the_gap_before_it() -> None:
    """It was made in time, and only its way was long."""
    fold = SampleFold(SOURCE, "one")
    fold.add([sample(0)])
    assert read_events(fold, at(30)) == [("start", 0)]
    assert read_events(fold, at(181)) == [("STALLED", 0)]
    fold.add([sample(100)])
    assert read_events(fold, at(185)) == [("start", 0)]


def test_one_silent_instrument_does_not_hold_up_the_others() -> None:
    """All are proved until the last sample of the slowest one that is not silent."""
    fold = SampleFold(SOURCE, "one")
    fold.add([sample(0, symbol=ETH), sample(0)])
    for seconds in range(60, 300, 60):
        fold.add([sample(seconds)])
        batch = fold.take(at(seconds + 1))
        assert batch is not None
        assert batch.through == at(0 if seconds < 180 else seconds)


def test_an_instrument_that_is_not_tracked_any_more_ends_at_its_last_sample() -> None:
    """Its last bar is told; a halted one says so."""
    fold = SampleFold(SOURCE, "one", halted=lambda: {ETH})
    fold.add([sample(0), sample(5, symbol=ETH)])
    fold.retain(())
    batch = fold.take(at(10))
    assert batch is not None
    assert [one.symbol for one in batch.closed] == [BTC, ETH]
    ends = [event.end for event in batch.spans if isinstance(event, InstrumentEnd)]
    assert [(end.at, end.reason) for end in ends] == [
        (at(0), GapReason.NOT_TRACKED),
        (at(5), GapReason.HALTED),
    ]


def test_samples_that_are_not_newer_are_known() -> None:
    """A process reads the newest ones of the cache again whenever it has lost messages."""
    fold = SampleFold(SOURCE, "one")
    fold.add([sample(60, "2"), sample(60, "3"), sample(0, "1")])
    batch = fold.take(at(61))
    assert batch is not None
    assert [str(one.second.bar.close) for one in batch.closed] == ["2"]
    fold.add([sample(60.5, "4")])
    batch = fold.take(at(62))
    assert batch is not None
    (second,) = (one.second for one in batch.closed)
    assert (str(second.bar.open), str(second.bar.close), second.revision) == ("2", "4", 1)


async def test_batches_without_news_keep_the_lease() -> None:
    """A source that renews its prices once a minute has one writer all the same."""
    sampling_clock = FakeClock(START)
    bars = MemoryBarLog(sampling_clock, length=LOG_LENGTH)
    writers = [
        BarWriter(SampleFold(SOURCE, name), bars, tracked=lambda: {BTC}, clock=sampling_clock)
        for name in "ab"
    ]
    for _ in range(3 * round(LEASE.total_seconds()) * 10):
        sampling_clock.advance(seconds=0.1)
        for writer in writers:
            writer.fold.add([sample(0)])
            await writer.step()
        assert [writer.has_lease for writer in writers] == [True, False]
