"""One process writes the bars of a source.

Nothing is lost while the log is away for minutes.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from history.bar_writer import SPOOLED_BATCHES, TICK, BarWriter
from history.batch import BarBatch, TradePosition
from history.memory_log import MemoryBarLog
from history.redis_limits import LEASE
from history.tape_writer import TapeWriter
from history.trade_fold import TradeFold
from history.trade_tape import MemoryTradeTape, NewChunks
from rates.errors import CacheUnavailable
from rates.source import Source
from rates.symbol import Symbol
from tests.history.test_trade_fold import read_spans
from tests.history.trades import START, trade
from tests.pipeline.fakes import BTC, FakeClock

SECOND = timedelta(seconds=1)


class BrittleLog(MemoryBarLog):
    """A log that can be away."""

    is_away = False

    async def claim(self, source: Source, session: str) -> bool:
        self._check()
        return await super().claim(source, session)

    async def write(self, batch: BarBatch, positions: Sequence[TradePosition]) -> bool:
        self._check()
        return await super().write(batch, positions)

    def _check(self) -> None:
        if self.is_away:
            raise CacheUnavailable("away")


class Feeds:
    """Processes that fold the same trades, one a second, and write when they may."""

    def __init__(self) -> None:
        self.clock = FakeClock(START)
        self.log = BrittleLog(self.clock)
        self.tracked: set[Symbol] = {BTC}
        self.lost: list[int] = []
        self.writers: list[BarWriter[TradeFold]] = []
        self.numbers = 0

    async def start(self, session: str) -> BarWriter[TradeFold]:
        """Start a process."""
        fold = TradeFold(Source.BINANCE, session, max_skew=SECOND)
        writer = BarWriter(
            fold, self.log, tracked=lambda: self.tracked, clock=self.clock, on_lost=self.lost.append
        )
        await writer.start()
        self.writers.append(writer)
        return writer

    async def run(self, seconds: float) -> None:
        """Let all processes run; a trade comes in the middle of each second."""
        for _ in range(round(seconds / TICK.total_seconds())):
            self.clock.now += TICK
            is_middle = self.clock.now.microsecond == 500_000
            self.numbers += is_middle
            for writer in self.writers:
                if is_middle and self.tracked:
                    made = trade(self.numbers, (self.clock.now - START).total_seconds())
                    writer.fold.fold(BTC, [made], self.clock.now)
                writer.fold.confirm(self.tracked, self.clock.now)
                await writer.step()

    async def batches(self) -> list[BarBatch]:
        """Return all batches of the log."""
        return [one.batch for one in await self.log.read(Source.BINANCE, "", 10**6) if one.batch]

    async def seconds(self) -> list[int]:
        """Return the seconds that were told, with repetitions."""
        return [
            (one.second.open_time - START) // SECOND for batch in await self.batches() for one in batch.closed
        ]


@pytest.fixture
def feeds() -> Feeds:
    return Feeds()


async def test_a_second_is_told_200_ms_after_its_end(feeds: Feeds) -> None:
    """Not before, and not at the next tick after it."""
    await feeds.start("one")
    await feeds.run(1.1)
    assert await feeds.seconds() == []
    await feeds.run(0.1)
    assert await feeds.seconds() == [0]


async def test_the_log_may_be_away_for_ten_minutes(feeds: Feeds) -> None:
    """Every second is told once it is back, in order, by batches without a missing number."""
    await feeds.start("one")
    await feeds.run(10)
    feeds.log.is_away = True
    await feeds.run(600)
    feeds.log.is_away = False
    await feeds.run(10)
    assert await feeds.seconds() == list(range(619))
    numbers = [batch.number for batch in await feeds.batches()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert feeds.lost == []


async def test_a_full_spool_says_so_and_leaves_a_missing_number(feeds: Feeds) -> None:
    """The recorder makes a gap of it."""
    await feeds.start("one")
    await feeds.run(10)
    feeds.log.is_away = True
    await feeds.run(SPOOLED_BATCHES + 30)
    feeds.log.is_away = False
    await feeds.run(10)
    assert feeds.lost[-1] == feeds.writers[0].lost_batches > 0
    numbers = [batch.number for batch in await feeds.batches()]
    assert sum(later - earlier - 1 for earlier, later in pairwise(numbers)) == feeds.lost[-1]


async def test_a_standby_writes_nothing_until_the_other_is_silent(feeds: Feeds) -> None:
    """Then it tells what was not told, and the seam is whole."""
    active, standby = await feeds.start("one"), await feeds.start("two")
    await feeds.run(20)
    assert (active.has_lease, standby.has_lease) == (True, False)
    feeds.writers = [standby]
    await feeds.run(LEASE.total_seconds() + 15)
    assert standby.has_lease
    assert {batch.session for batch in await feeds.batches()} == {"one", "two"}
    told = await feeds.seconds()
    assert told == sorted(set(told)) == list(range(told[-1] + 1))
    assert told[-1] > 30


async def test_a_process_that_was_frozen_stops_writing(feeds: Feeds) -> None:
    """Another one has its lease by then."""
    frozen, standby = await feeds.start("one"), await feeds.start("two")
    await feeds.run(5)
    feeds.writers = [standby]
    await feeds.run(10)
    feeds.writers = [frozen, standby]
    await feeds.run(5)
    assert (frozen.has_lease, standby.has_lease) == (False, True)
    told = await feeds.seconds()
    assert told == sorted(set(told))


async def test_a_process_that_gets_the_lease_back_numbers_its_batches_anew(feeds: Feeds) -> None:
    """Also if the other one died before its first batch, which left no sign of it in the log."""
    writer = await feeds.start("host-1")
    await feeds.run(5)
    feeds.writers = []
    await feeds.run(LEASE.total_seconds() + 1)
    assert await feeds.log.claim(Source.BINANCE, "rival")
    feeds.writers = [writer]
    await feeds.run(1)
    has_lease = [writer.has_lease]
    await feeds.run(LEASE.total_seconds() + 10)
    assert [*has_lease, writer.has_lease] == [False, True]
    by_session: dict[str, list[int]] = {}
    for batch in await feeds.batches():
        by_session.setdefault(batch.session, []).append(batch.number)
    assert len(by_session) == 2
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_session.values())
    told = await feeds.seconds()
    assert told == sorted(set(told))
    assert told[-1] > 5 + LEASE.total_seconds()


async def test_a_process_that_stops_tells_the_second_that_is_not_over(feeds: Feeds) -> None:
    """Its successor tells the rest of the second, after the last number."""
    stopping = await feeds.start("one")
    await feeds.run(5.6)
    await stopping.finish()
    assert (await feeds.seconds())[-1] == 5
    feeds.writers.clear()
    feeds.clock.now += LEASE
    successor = await feeds.start("two")
    successor.fold.fold(BTC, [trade(6, 5.5)], feeds.clock.now)
    await feeds.run(20)
    spans = read_spans(await feeds.batches(), BTC)
    firsts = [one.second.bar.first_id for batch in await feeds.batches() for one in batch.closed]
    assert firsts == sorted(set(firsts)) == list(range(1, feeds.numbers))
    assert len(spans) == 1


async def test_a_process_starts_without_the_log(feeds: Feeds) -> None:
    """It folds, and writes once the log is there."""
    feeds.log.is_away = True
    await feeds.start("one")
    await feeds.run(30)
    assert await feeds.batches() == []
    feeds.log.is_away = False
    await feeds.run(10)
    assert (await feeds.seconds())[-1] == 38


async def test_an_instrument_that_is_no_longer_tracked_ends(feeds: Feeds) -> None:
    """Its span ends, and nothing of it is told any more."""
    await feeds.start("one")
    await feeds.run(10)
    feeds.tracked = set()
    await feeds.run(10)
    (span,) = read_spans(await feeds.batches(), BTC)
    assert span.reason is not None
    assert max(await feeds.seconds()) == 9


class BrittleTape(MemoryTradeTape):
    """A tape that can be away."""

    is_away = False

    async def append(self, source: Source, session: str, chunks: NewChunks) -> bool:
        if self.is_away:
            raise CacheUnavailable("away")
        return await super().append(source, session, chunks)


async def test_the_holder_of_the_lease_tells_each_trade_once() -> None:
    """A standby folds the same trades, and tells those after it took over."""
    feeds, tape = Feeds(), BrittleTape()
    for session in ("one", "two"):
        writer = await feeds.start(session)
        writer._tape = TapeWriter(tape, Source.BINANCE, writer.fold.session)
    await feeds.run(10)
    before = await tape.read(Source.BINANCE, BTC, 99)
    assert len(before) >= 8
    del feeds.writers[0]
    await feeds.run(LEASE.total_seconds() + 10)
    taped = await tape.read(Source.BINANCE, BTC, 99)
    assert not any(one.after_gap for one in taped[1:])
    told = [one.id for one in taped]
    assert told == list(range(1, feeds.numbers + 1))
    assert len(told) > len(before) + 5
    assert len(set(told)) == len(told)
    assert told == sorted(told)


async def test_trades_are_not_kept_for_a_tape_that_is_away() -> None:
    """Bars are; they wait for the log."""
    feeds, tape = Feeds(), BrittleTape()
    writer = await feeds.start("one")
    writer._tape = TapeWriter(tape, Source.BINANCE, writer.fold.session)
    await feeds.run(5)
    tape.is_away = True
    await feeds.run(20)
    tape.is_away = False
    await feeds.run(10)
    taped = await tape.read(Source.BINANCE, BTC, 99)
    told = [one.id for one in taped]
    assert len(set(told)) == len(told) < 30
    assert [one.after_gap for one in taped].count(True) == 2
    assert told[-1] in range(feeds.numbers - 3, feeds.numbers + 1)
    assert not feeds.lost
