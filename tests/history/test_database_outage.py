"""Ten minutes without the database lose nothing: the log keeps the bars."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from history.coverage import CandleCoverage
from history.interval import TimeSpan
from history.memory_log import MemoryBarLog
from history.models import SecondRow
from history.ports import LoggedBatch
from history.recorder import RETRY_S, Recorder
from history.recording import EVERYTHING, KeptSince
from history.redis_limits import LOG_LENGTH
from history.store import HistoryStore
from history.trade import Trade
from history.trade_fold import TradeFold
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from rates.errors import DatabaseUnavailable
from rates.source import Source
from rates.symbol import Symbol
from tests.history.trades import START, at
from tests.instruments.conftest import url
from tests.pipeline.fakes import FakeClock

__all__ = ["url"]
SOURCE = Source.BINANCE
DAY = timedelta(days=1)
BEFORE_S, AWAY_S, AFTER_S = 60, 600, 70
TICKS = 10


class SometimesAway(HistoryStore):
    """A history whose database cannot be reached for a while."""

    is_away = False

    async def store(
        self, source: Source, after: str, batches: Sequence[LoggedBatch], keep: KeptSince = EVERYTHING
    ) -> bool:
        self._check()
        return await super().store(source, after, batches, keep)

    async def maintain(self, now: datetime, keep: KeptSince) -> list[str]:
        self._check()
        return await super().maintain(now, keep)

    def _check(self) -> None:
        if self.is_away:
            raise DatabaseUnavailable("connection refused")


class Market:
    """A feed that folds trades of many instruments, ten batches a second, and a recorder."""

    def __init__(self, database: InstrumentStore, instruments: int, trades: int) -> None:
        self.symbols = [Symbol(f"C{number}", "USDT") for number in range(instruments)]
        self._trades = trades
        self.clock = FakeClock(START)
        # As long as the log in Redis.
        self.bars = MemoryBarLog(self.clock, length=LOG_LENGTH)
        self.store = SometimesAway(database, simulated=False)
        self.skipped: list[str] = []
        self.behind: list[datetime | None] = []
        self.recorder = Recorder(
            SOURCE,
            self.bars,
            self.store,
            keep_seconds=DAY,
            keep_minutes=DAY,
            clock=self.clock,
            on_skipped=self.skipped.append,
            on_behind=self.behind.append,
        )
        self._fold = TradeFold(SOURCE, "one", max_skew=timedelta(seconds=10))
        self._number = 0

    async def run(self, start: int, end: int) -> None:
        """Let time pass: each instrument has some trades a second."""
        for tick in range(start * TICKS, end * TICKS):
            now = self.clock.now = at(tick / TICKS)
            if tick % TICKS == 0:
                self._trade(now)
            self._fold.confirm(self.symbols, now)
            if (batch := self._fold.take(now)) is not None:
                await self.bars.claim(batch.source, batch.session)
                assert await self.bars.write(batch, self._fold.positions(batch))
            if tick % round(RETRY_S * TICKS) == 0:
                await self.catch_up()

    async def catch_up(self) -> None:
        """Store what is in the log, if the database is there."""
        while await self.recorder.attempt() == 0:
            pass

    def _trade(self, now: datetime) -> None:
        self._number += 1
        for symbol in self.symbols:
            first = self._number * self._trades
            made = [Trade(first + one, Decimal("100.5"), Decimal("0.25"), now) for one in range(self._trades)]
            self._fold.fold(symbol, made, now)


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A migrated database."""
    await migrate(url)
    store = InstrumentStore(url)
    yield store
    await store.close()


async def check_outage(database: InstrumentStore, *, instruments: int, trades: int) -> None:
    """Take the database away for ten minutes, and compare what is stored with what was traded."""
    market = Market(database, instruments, trades)
    await market.run(0, BEFORE_S)
    market.store.is_away = True
    await market.run(BEFORE_S, BEFORE_S + AWAY_S)
    assert None not in market.behind[-1:]
    end = BEFORE_S + AWAY_S + AFTER_S
    market.store.is_away = False
    await market.run(BEFORE_S + AWAY_S, end)
    await market.catch_up()
    assert market.behind[-1:] == [None]
    assert market.skipped == []
    async with database.transaction() as connection:
        columns = func.count(), func.sum(SecondRow.trades), func.max(SecondRow.revision)
        counts = (await connection.execute(select(*columns))).one()
    # The last second is not over.
    seconds = instruments * (end - 1)
    assert tuple(counts) == (seconds, seconds * trades, 0)
    for symbol in market.symbols:
        minutes = await market.store.read_minutes(SOURCE, symbol, TimeSpan(START, at(end)))
        found = [(one.coverage, None if one.bar is None else one.bar.trades, one.revision) for one in minutes]
        # The first one began before the connection.
        assert [coverage for coverage, _, _ in found[1:]] == [CandleCoverage.COMPLETE] * (end // 60 - 1)
        assert {(count, revision) for _, count, revision in found} == {(60 * trades, 0)}
        (span,) = await market.store.read_spans(SOURCE, symbol)
        assert span.reason is None


@pytest.mark.slow
async def test_ten_minutes_without_the_database_lose_nothing(database: InstrumentStore) -> None:
    """Of a few instruments."""
    await check_outage(database, instruments=10, trades=10)


@pytest.mark.long
async def test_ten_minutes_at_four_thousand_trades_a_second_lose_nothing(database: InstrumentStore) -> None:
    """Of 400 instruments: 240,000 seconds wait in the log."""
    await check_outage(database, instruments=400, trades=10)
