"""Every trade is stored once or lies in a gap, whatever is killed.

On SQLite and on Postgres.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import asyncpg
import pytest

from history.batch import BarBatch
from history.candle import CandleState
from history.coverage import CandleCoverage, GapReason
from history.interval import TimeSpan
from history.memory_log import MemoryBarLog
from history.ports import LogEntry
from history.recorder import Recorder
from history.redis_limits import LOG_LENGTH
from history.store import HistoryStore
from history.trade import Trade
from history.trade_fold import TradeFold
from instruments.migrations import check_models
from instruments.store import InstrumentStore
from rates.source import Source
from tests.history.trades import START, at, trade
from tests.instruments.conftest import url
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC, FakeClock

pytestmark = pytest.mark.slow

__all__ = ["url"]
HOUR = TimeSpan(at(0), at(3600))
DAY = timedelta(days=1)


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A migrated database."""
    await migrate_new(url)
    store = InstrumentStore(url)
    yield store
    await store.close()


class System:
    """A feed that folds, the log, and a recorder; each can be replaced as if it had been killed."""

    def __init__(self, database: InstrumentStore) -> None:
        self.clock = FakeClock(START)
        # As long as the log in Redis.
        self.bars = MemoryBarLog(self.clock, length=LOG_LENGTH)
        self.store = HistoryStore(database, simulated=False)
        self.recorder = self.open_recorder()
        self.fold = self.open_fold("one")

    def open_recorder(self, **told: Callable[..., None]) -> Recorder:
        """Return a recorder that knows nothing of an earlier one."""
        return Recorder(
            Source.BINANCE,
            self.bars,
            self.store,
            keep_seconds=DAY,
            keep_minutes=30 * DAY,
            clock=self.clock,
            **told,  # type: ignore[arg-type] # only functions
        )

    def open_fold(self, session: str) -> TradeFold:
        """Return the fold of a new process."""
        return TradeFold(Source.BINANCE, session, max_skew=timedelta(seconds=10))

    async def restart_feed(self, session: str) -> None:
        """Kill the feed and start another one, which reads where the first left off."""
        self.clock.advance(seconds=6)
        self.fold = self.open_fold(session)
        assert await self.bars.claim(Source.BINANCE, session)
        self.fold.resume(await self.bars.read_positions(Source.BINANCE))

    async def run(self, start: float, end: float, *trades: Trade, lost: bool = False) -> None:
        """Let time pass, with a connection that delivers these trades.

        `lost`: batches do not reach the log.
        """
        waiting = sorted(trades, key=lambda one: one.time)
        for quarter in range(int(start * 4), int(end * 4)):
            now = at(quarter / 4)
            self.clock.now = now
            while waiting and waiting[0].time <= now:
                self.fold.fold(BTC, [waiting.pop(0)], now)
            self.fold.confirm([BTC], now)
            batch = self.fold.take(now)
            if batch is not None and not lost:
                await self.write(batch)

    async def write(self, batch: BarBatch) -> None:
        """Write a batch to the log."""
        await self.bars.claim(batch.source, batch.session)
        assert await self.bars.write(batch, self.fold.positions(batch))

    async def record(self) -> None:
        """Store all that is in the log."""
        while await self.recorder.step():
            pass

    async def minutes(self) -> list[tuple[int, CandleCoverage, int | None, int]]:
        """Return number, coverage, trades and revision of each stored minute."""
        return [
            (
                (one.open_time - START) // timedelta(minutes=1),
                one.coverage,
                None if one.bar is None else one.bar.trades,
                one.revision,
            )
            for one in await self.store.read_minutes(Source.BINANCE, BTC, HOUR)
        ]


@pytest.fixture
def system(database: InstrumentStore) -> System:
    """A system that was just started."""
    return System(database)


COMPLETE, PARTIAL = CandleCoverage.COMPLETE, CandleCoverage.PARTIAL
NO_TRADES = CandleCoverage.NO_TRADES


async def test_minutes_are_stored_with_what_is_known_of_them(system: System) -> None:
    """The first begins before the connection, one has trades, one has none.

    The last is not over.
    """
    await system.run(10, 200, trade(1, 70), trade(2, 80, "101.50", "0.10"), trade(3, 190))
    await system.record()
    assert await system.minutes() == [(0, PARTIAL, None, 0), (1, COMPLETE, 2, 0), (2, NO_TRADES, None, 0)]
    (minute,) = await system.store.read_minutes(Source.BINANCE, BTC, TimeSpan(at(60), at(120)))
    assert minute.bar is not None
    assert [str(number) for number in (minute.bar.close, minute.bar.volume)] == ["101.50", "1.10"]
    assert (minute.bar.first_id, minute.bar.last_id, minute.bar.last_at) == (1, 2, at(80))
    assert minute.state is CandleState.CLOSED


async def test_a_recorder_that_is_killed_at_any_time_stores_each_batch_once(system: System) -> None:
    """Another one goes on after the last stored batch; two at once do not disturb each other."""
    await system.run(0, 100, *(trade(number, number) for number in range(1, 100)))
    other = system.open_recorder()
    await system.recorder.step()
    await other.step()
    await system.run(100, 200, *(trade(number, number) for number in range(100, 200)))
    system.recorder = system.open_recorder()
    await other.step()
    await system.record()
    assert await system.minutes() == [(0, PARTIAL, 59, 0), (1, COMPLETE, 60, 0), (2, COMPLETE, 60, 0)]
    seconds = await system.store.read_seconds(Source.BINANCE, BTC, HOUR)
    assert [one.bar.first_id for one in seconds] == list(range(1, 199))


async def test_an_outage_of_the_database_loses_nothing(system: System) -> None:
    """The log keeps ten minutes of bars, and more."""
    await system.run(0, 60)
    await system.record()
    await system.run(60, 720, *(trade(number, 60 + number) for number in range(1, 650)))
    await system.record()
    minutes = await system.minutes()
    assert [coverage for _, coverage, _, _ in minutes] == [PARTIAL, *[COMPLETE] * 10]
    assert sum(trades or 0 for _, _, trades, _ in minutes) == 599


async def test_a_killed_feed_leaves_a_gap_unless_the_numbers_prove_the_seam(system: System) -> None:
    """Trades 3 and 4 were made while no process was there; trade 6 follows trade 5."""
    await system.run(0, 150, trade(1, 70), trade(2, 130))
    await system.record()
    await system.restart_feed("two")
    await system.run(156, 330, trade(5, 190))
    await system.record()
    assert await system.minutes() == [
        (0, PARTIAL, None, 0),
        (1, COMPLETE, 1, 0),
        (2, PARTIAL, 1, 0),
        (3, COMPLETE, 1, 0),
        (4, NO_TRADES, None, 0),
    ]
    await system.restart_feed("three")
    await system.run(336, 400, trade(6, 345))
    await system.record()
    assert (await system.minutes())[-1] == (5, COMPLETE, 1, 0)
    reasons = [span.reason for span in await system.store.read_spans(Source.BINANCE, BTC)]
    assert reasons == [GapReason.DISCONNECTED, None]


@pytest.mark.parametrize("is_behind", [False, True], ids=["two transactions", "one transaction"])
async def test_a_second_that_two_processes_tell_has_the_trades_of_both(
    system: System, is_behind: bool
) -> None:
    """One stops in its middle, and the other one reads the rest after the last number."""
    await system.run(0, 125.5, trade(1, 70), trade(2, 125.1))
    system.fold.finish()
    batch = system.fold.take(system.clock.now)
    assert batch is not None
    await system.write(batch)
    if not is_behind:
        await system.record()
    await system.restart_feed("two")
    await system.run(132, 240, trade(3, 125.6), trade(4, 140))
    await system.record()
    minutes = {number: (coverage, trades) for number, coverage, trades, _ in await system.minutes()}
    assert minutes[2] == (COMPLETE, 3)


async def test_the_second_that_was_forming_when_a_feed_was_killed_is_a_gap(system: System) -> None:
    """Its trades were in no batch, however much of it was proved."""
    await system.run(0, 125.5, trade(1, 70), trade(2, 124.2), trade(3, 125.2))
    await system.restart_feed("two")
    await system.run(132, 240, trade(6, 140))
    await system.record()
    ended = (await system.store.read_spans(Source.BINANCE, BTC))[0]
    assert (ended.end, ended.reason) == (at(125), GapReason.DISCONNECTED)
    seconds = await system.store.read_seconds(Source.BINANCE, BTC, HOUR)
    assert [one.open_time for one in seconds] == [at(70), at(124), at(140)]


async def test_a_proof_that_comes_late_corrects_the_minute(system: System) -> None:
    """It was stored as partial before; the old revision stays."""
    await system.run(0, 130, trade(1, 70))
    await system.restart_feed("two")
    await system.run(136, 250)
    await system.record()
    assert (2, PARTIAL, None, 0) in await system.minutes()
    await system.run(250, 320, trade(2, 260))
    await system.record()
    assert await system.minutes() == [
        (0, PARTIAL, None, 0),
        (1, COMPLETE, 1, 0),
        (2, NO_TRADES, None, 1),
        (3, NO_TRADES, None, 0),
        (4, COMPLETE, 1, 0),
    ]


async def test_a_late_trade_corrects_second_and_minute(system: System) -> None:
    """It came from another connection, after the minute was over."""
    await system.run(0, 118, trade(1, 70), trade(2, 117))
    await system.run(118, 140)
    await system.record()
    assert (1, COMPLETE, 2, 0) in await system.minutes()
    late = trade(3, 118.5, "99")
    system.fold.fold(BTC, [late], at(140))
    await system.run(140, 200)
    await system.record()
    assert (1, COMPLETE, 3, 1) in await system.minutes()
    seconds = await system.store.read_seconds(Source.BINANCE, BTC, HOUR)
    assert [(one.open_time, one.revision) for one in seconds] == [(at(70), 0), (at(117), 0), (at(118), 0)]


async def test_a_late_trade_with_an_earlier_time_is_counted_once(system: System) -> None:
    """Its number is higher than that of the trade after it, in the same second."""
    await system.run(0, 130, trade(1, 70.5))
    await system.record()
    system.fold.fold(BTC, [trade(2, 70.2, "99")], at(130))
    await system.run(130, 140)
    await system.record()
    assert [(number, trades) for number, _, trades, _ in await system.minutes() if trades] == [(1, 2)]


async def test_lost_batches_leave_a_gap_and_nothing_else(system: System) -> None:
    """The process went on, its batches did not arrive.

    The spool was full, or Redis lost its data.
    """
    await system.run(0, 130, trade(1, 70))
    await system.run(130, 140, trade(2, 135), lost=True)
    await system.run(140, 300, trade(3, 150), trade(4, 250))
    await system.record()
    assert await system.minutes() == [
        (0, PARTIAL, None, 0),
        (1, COMPLETE, 1, 0),
        (2, PARTIAL, 1, 0),
        (3, NO_TRADES, None, 0),
    ]


@pytest.mark.slow
async def test_a_recorder_that_keeps_up_finds_its_way_back_too(system: System) -> None:
    """The list of open spans comes in another transaction than the batch after the lost ones."""
    await system.run(0, 130, trade(1, 70))
    await system.run(130, 140, trade(2, 135), lost=True)
    waiting = [trade(3, 150), trade(4, 250)]
    for start in range(140, 300):
        await system.run(start, start + 1, *(one for one in waiting if one.time == at(start)))
        await system.record()
    assert await system.minutes() == [
        (0, PARTIAL, None, 0),
        (1, COMPLETE, 1, 0),
        (2, PARTIAL, 1, 0),
        (3, NO_TRADES, None, 0),
    ]


async def test_a_standby_takes_over_without_a_gap(system: System) -> None:
    """It folded the same trades; it tells what the other one could not tell any more."""
    standby = system.open_fold("standby")
    active, trades = system.fold, [trade(number, number * 2.5) for number in range(1, 100)]
    for quarter in range(240):
        now = system.clock.now = at(quarter / 4)
        for fold in (active, standby):
            fold.fold(BTC, [one for one in trades if one.time == now], now)
            fold.confirm([BTC], now)
        batch = active.take(now)
        standby.take(now)
        if batch is not None and quarter < 200:
            await system.write(batch)
    system.clock.advance(seconds=6)
    assert batch is not None
    assert not await system.bars.write(batch, [])
    assert await system.bars.claim(Source.BINANCE, "standby")
    system.fold = standby
    standby.take_over(await system.bars.read_positions(Source.BINANCE), system.clock())
    await system.run(60, 130, *(one for one in trades if one.time >= at(60)))
    await system.record()
    assert await system.minutes() == [(0, PARTIAL, 23, 0), (1, COMPLETE, 24, 0)]
    assert len(await system.store.read_spans(Source.BINANCE, BTC)) == 1
    seconds = await system.store.read_seconds(Source.BINANCE, BTC, HOUR)
    assert [one.bar.first_id for one in seconds] == list(range(1, len(seconds) + 1))


@pytest.mark.slow
async def test_a_system_without_any_feed_knows_nothing(system: System) -> None:
    """Minutes of which nothing is known have no row."""
    await system.run(0, 100, trade(1, 70))
    await system.restart_feed("two")
    await system.run(600, 800, trade(5, 700))
    await system.record()
    assert [number for number, *_ in await system.minutes()] == [0, 1, 10, 11, 12]


async def test_old_partitions_are_dropped_and_models_agree(system: System, url: str) -> None:
    """On Postgres whole partitions; alembic takes none of them for a table of its own."""
    await system.run(0, 100, trade(1, 70))
    await system.record()
    await check_models(url)
    system.clock.advance(days=3)
    system.recorder = system.open_recorder()
    await system.record()
    assert await system.store.read_seconds(Source.BINANCE, BTC, HOUR) == []
    assert await system.minutes() != []
    if url.startswith("postgresql"):
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        names = await connection.fetch("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
        await connection.close()
        assert not any(row["relname"] == "bar_seconds_p20240808" for row in names)
        assert any(row["relname"] == "bar_minutes_p202408" for row in names)


class DamagedLog(MemoryBarLog):
    """A log with entries that cannot be read. `unreadable`: numbers of their batches."""

    unreadable: frozenset[int] = frozenset()

    async def read(self, source: Source, after: str, limit: int) -> list[LogEntry]:
        found = await super().read(source, after, limit)
        return [
            LogEntry(entry, None) if batch and batch.number in self.unreadable else LogEntry(entry, batch)
            for entry, batch in found
        ]


async def attempt(recorder: Recorder, times: int) -> None:
    """Do what the recorder does, without its pauses."""
    for _ in range(times):
        await recorder.attempt()


async def test_an_unreadable_batch_is_a_gap_and_the_others_are_stored(system: System) -> None:
    """It is counted once, and the recorder goes on."""
    system.bars = damaged = DamagedLog(system.clock)
    skipped: list[str] = []
    system.recorder = system.open_recorder(on_skipped=skipped.append)
    await system.run(0, 130, trade(1, 70))
    entries = await system.bars.read(Source.BINANCE, "", 10**6)
    damaged.unreadable = frozenset({len(entries) + 3})
    await system.run(130, 300, trade(2, 150), trade(3, 250))
    await attempt(system.recorder, 20)
    assert len(skipped) == 1
    assert "unreadable" in skipped[0]
    assert await system.minutes() == [
        (0, PARTIAL, None, 0),
        (1, COMPLETE, 1, 0),
        (2, PARTIAL, 1, 0),
        (3, NO_TRADES, None, 0),
    ]


@pytest.mark.slow
async def test_a_batch_that_the_database_refuses_is_skipped_alone(system: System) -> None:
    """Its number is too large for the column.

    All other batches are stored, and the recorder says so.
    """
    skipped: list[str] = []
    problems: list[str | None] = []
    behind: list[datetime | None] = []
    system.recorder = system.open_recorder(
        on_skipped=skipped.append, on_problem=problems.append, on_behind=behind.append
    )
    await system.run(0, 300, trade(2**63 - 1, 70), trade(2**63, 135))
    await attempt(system.recorder, 40)
    assert len(skipped) == 1
    assert "int" in skipped[0].lower()
    assert any(problems)
    assert problems[-1] is None
    assert any(behind)
    assert behind[-1] is None
    assert [(number, coverage) for number, coverage, *_ in await system.minutes()] == [
        (0, PARTIAL),
        (1, COMPLETE),
        (2, PARTIAL),
        (3, NO_TRADES),
    ]


async def test_an_unforeseen_error_loses_nothing_if_it_passes(system: System) -> None:
    """The batches are stored by a later attempt."""
    await system.run(0, 200, trade(1, 70))
    store, fails = system.store.store, [RuntimeError("a bug")] * 2

    async def failing(*arguments: object, **named: object) -> bool:
        if fails:
            raise fails.pop()
        return await store(*arguments, **named)  # type: ignore[arg-type] # the same arguments

    system.store.store = failing  # type: ignore[method-assign]
    await attempt(system.recorder, 5)
    assert await system.minutes() == [(0, PARTIAL, None, 0), (1, COMPLETE, 1, 0), (2, NO_TRADES, None, 0)]
