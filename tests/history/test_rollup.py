"""Quarters, hours and days are the fold of their minutes, on SQLite and on Postgres."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import bindparam, insert, text

from history.bar import bar_of, fold
from history.bar_rows import PRICES
from history.batch import BarBatch, InstrumentBar, InstrumentEnd, InstrumentStart
from history.candle import Candle, CandleOrigin, CandleState
from history.coverage import CandleCoverage, GapReason, fold_coverage
from history.instrument_coverage import CoverageEnd, CoverageStart
from history.interval import TimeSpan
from history.models import MinuteRow, RecordingRow, SeriesRow
from history.partitions import MINUTES, SECONDS, create_partitions
from history.ports import LoggedBatch
from history.recording import EVERYTHING
from history.second_fold import SecondBar
from history.store import HistoryStore
from instruments.migrations import check_models, migrate
from instruments.store import InstrumentStore
from rates.source import Source
from tests.history.trades import at, trade
from tests.instruments.conftest import url
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC

pytestmark = pytest.mark.slow

__all__ = ["url"]
MINUTE, QUARTER, HOUR = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1)
ALL = TimeSpan(at(0) - timedelta(days=1), at(0) + timedelta(days=3))
CHUNK = 200


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A migrated database."""
    await migrate_new(url)
    store = InstrumentStore(url)
    yield store
    await store.close()


class Feed:
    """A feed that delivers one trade a minute, as batches of one a minute."""

    def __init__(self, store: HistoryStore) -> None:
        self.store, self.entry, self.number = store, "", 0

    def batch(self, minute: int, seconds: Sequence[float] | None = None, **more: object) -> BarBatch:
        """Return the batch at the end of a minute, with trades at `seconds` of the feed."""
        self.number += 1
        now = at((minute + 1) * 60)
        traded = [minute * 60 + 7] if seconds is None else seconds
        closed = tuple(
            InstrumentBar(BTC, SecondBar(at(one), bar_of(trade(int(one), one, str(100 + one % 977)))))
            for one in traded
        )
        values = {"closed": closed, "through": now, **more}
        return BarBatch(
            source=Source.BINANCE,
            session="one",
            number=self.number,
            folded_at=now + timedelta(seconds=1),
            **values,  # type: ignore[arg-type] # fields of a batch
        )

    async def send(self, batches: Sequence[BarBatch]) -> None:
        """Store batches, some at a time."""
        for start in range(0, len(batches), CHUNK):
            logged = [LoggedBatch(f"{one.number:08}", one) for one in batches[start : start + CHUNK]]
            assert await self.store.store(Source.BINANCE, self.entry, logged, EVERYTHING)
            self.entry = logged[-1].entry

    async def run(self, first: int, last: int, *, start: bool = False) -> None:
        """Deliver all minutes from `first` to `last`."""
        batches = [self.batch(first, spans=(begin(first * 60),))] if start else []
        await self.send([*batches, *(self.batch(one) for one in range(first + start, last))])


def begin(second: float) -> InstrumentStart:
    """Return the start of a covered span."""
    return InstrumentStart(BTC, CoverageStart(at(second)))


def end(second: float) -> InstrumentEnd:
    """Return the end of a covered span."""
    return InstrumentEnd(BTC, CoverageEnd(at(second), GapReason.STALLED))


@pytest.fixture
async def feed(database: InstrumentStore) -> Feed:
    """A feed at noon, with an empty history."""
    store = HistoryStore(database, simulated=False)
    await store.maintain(at(0) + timedelta(days=3), EVERYTHING._replace(seconds=at(0), minutes=at(0)))
    return Feed(store)


async def check(store: HistoryStore) -> tuple[list[Candle], list[Candle]]:
    """Return all hours and days, after comparing each and all quarters with their minutes."""
    minutes = await store.read_minutes(Source.BINANCE, BTC, ALL)
    quarters = await store.read_quarters(Source.BINANCE, BTC, ALL)
    hours = await store.read_hours(Source.BINANCE, BTC, ALL)
    days = await store.read_days(Source.BINANCE, BTC, ALL)
    for candle in (*quarters, *hours, *days):
        count = (candle.close_time - candle.open_time) // MINUTE
        inside = [one for one in minutes if candle.open_time <= one.open_time < candle.close_time]
        assert candle.bar == fold(one.bar for one in inside if one.bar)
        assert candle.coverage is fold_coverage([one.coverage for one in inside], count)
        assert candle.known_at == max(one.known_at for one in inside)
    return hours, days


async def read_quarters(store: HistoryStore) -> list[Candle]:
    """Return all quarters."""
    return await store.read_quarters(Source.BINANCE, BTC, ALL)


@pytest.mark.slow
async def test_hours_and_days_are_the_fold_of_their_minutes(feed: Feed) -> None:
    """From noon for 37 hours: twelve of the first day, then a whole one, then one hour."""
    await feed.run(0, 37 * 60 + 5, start=True)
    hours, days = await check(feed.store)
    assert [one.open_time for one in hours] == [at(0) + number * HOUR for number in range(37)]
    assert {one.coverage for one in hours[1:]} == {CandleCoverage.COMPLETE}
    assert [one.coverage for one in days] == [CandleCoverage.PARTIAL, CandleCoverage.COMPLETE]
    assert [one.bar and one.bar.trades for one in days] == [12 * 60, 24 * 60]


async def test_a_forming_hour_is_not_stored(feed: Feed) -> None:
    """One that is over by a minute is; its day is not."""
    await feed.run(0, 59, start=True)
    assert await check(feed.store) == ([], [])
    await feed.run(59, 62)
    hours, days = await check(feed.store)
    assert ([one.open_time for one in hours], days) == ([at(0)], [])


@pytest.mark.slow
async def test_quarters_are_stored_as_soon_as_they_are_over(feed: Feed) -> None:
    """All of them, from the first minute on, and none that is forming."""
    await feed.run(0, 29, start=True)
    assert [one.open_time for one in await read_quarters(feed.store)] == [at(0)]
    await feed.run(29, 37 * 60)
    quarters = await read_quarters(feed.store)
    assert [one.open_time for one in quarters] == [at(0) + number * QUARTER for number in range(37 * 4)]
    assert {one.coverage for one in quarters[1:]} == {CandleCoverage.COMPLETE}
    await check(feed.store)


async def test_what_comes_late_makes_new_revisions_of_quarters(feed: Feed) -> None:
    """A correction reaches the quarter of its minute and no other."""
    await feed.run(0, 3 * 60, start=True)
    before = await read_quarters(feed.store)
    await feed.send([feed.batch(3 * 60, [50 * 60 + 44])])
    await feed.run(3 * 60 + 1, 3 * 60 + 3)
    quarters = await read_quarters(feed.store)
    changed = [one for one, old in zip(quarters, before, strict=True) if one != old]
    assert [(one.open_time, one.revision) for one in changed] == [(at(45 * 60), 1)]
    await check(feed.store)


@pytest.mark.slow
async def test_what_comes_late_makes_new_revisions(feed: Feed) -> None:
    """A correction of a minute of the day before reaches its hour and its day."""
    await feed.run(0, 14 * 60, start=True)
    before, _ = await check(feed.store)
    await feed.send([feed.batch(14 * 60, [3 * 3600 + 44])])
    await feed.run(14 * 60 + 1, 14 * 60 + 3)
    hours, days = await check(feed.store)
    changed = [one.open_time for one, old in zip(hours, before, strict=True) if one != old]
    assert changed == [at(3 * 3600)]
    assert [(one.revision, one.state) for one in (hours[3], *days)] == [(1, CandleState.CORRECTED)] * 2


@pytest.mark.slow
async def test_a_gap_makes_its_hour_partial_and_no_other(feed: Feed) -> None:
    """An hour of which nothing is known has no row.

    Its day is partial, and so is the hour of the start.
    """
    await feed.run(0, 90, start=True)
    await feed.send([feed.batch(90, [], spans=(end(90 * 60),), through=None)])
    await feed.send([feed.batch(190, [], spans=(begin(190 * 60),))])
    await feed.run(191, 13 * 60)
    hours, days = await check(feed.store)
    known = {(one.open_time - at(0)) // HOUR: one.coverage for one in hours}
    partial = [number for number, coverage in known.items() if coverage is CandleCoverage.PARTIAL]
    assert partial == [0, 1, 3]
    assert 2 not in known
    assert [one.coverage for one in days] == [CandleCoverage.PARTIAL]


async def test_minutes_of_an_older_version_become_hours(url: str) -> None:
    """They were stored before there were hours: the recorder folds them once it stores again."""
    await migrate(url, "0005")
    database = InstrumentStore(url)
    store = HistoryStore(database, simulated=False)
    minutes = [
        {"series_id": 1, "open_time": at(60 * number), "revision": 0, "known_at": at(60 * number + 61)}
        | {"trades": 1, "first_us": 5, "last_us": 5, "first_id": number, "last_id": number}
        | dict.fromkeys(PRICES, Decimal("7.10"))
        | {"coverage": "COMPLETE"}
        for number in range(600)
    ]
    place = {"source": Source.BINANCE, "simulated": False, "entry": "0", "session": "old", "number": 9}
    async with database.transaction() as connection:
        series = {"id": 1, "source": Source.BINANCE, "base": "BTC", "quote": "USDT", "simulated": False}
        await connection.execute(insert(SeriesRow), [series])
        if connection.dialect.name == "postgresql":
            await create_partitions(connection, MINUTES, at(0), at(0) + timedelta(days=1))
            await create_partitions(connection, SECONDS, at(0), at(0) + timedelta(days=1))
        await connection.execute(insert(MinuteRow), minutes)
        await connection.execute(insert(RecordingRow).values(**place, minutes_until=at(36_000)))
    await migrate(url)
    feed = Feed(store)
    feed.entry = "0"
    for minute in range(600, 604):
        await feed.send([feed.batch(minute, [])])
    hours, _ = await check(store)
    assert [one.open_time for one in hours] == [at(0) + number * HOUR for number in range(10)]
    assert {one.coverage for one in hours} == {CandleCoverage.COMPLETE}
    await database.close()


async def test_quarters_begin_with_the_upgrade(url: str) -> None:
    """Minutes of the version before stay what they are, and their late trades make no quarter."""
    await migrate(url, "0011")
    database = InstrumentStore(url)
    rows = [
        {"series_id": 1, "open_time": at(60 * number), "revision": 0, "known_at": at(60 * number + 61)}
        | {"trades": 1, "first_us": 5, "last_us": 5, "first_id": number, "last_id": number}
        | dict.fromkeys(PRICES, Decimal("7.10"))
        | {"coverage": "COMPLETE"}
        for number in range(100)
    ]
    place = {"source": "binance", "simulated": False, "entry": "0", "session": "old", "number": 9}
    place |= {"minutes_until": at(6_000), "hours_until": at(3_600)}
    async with database.transaction(writes=True) as connection:
        series = {"id": 1, "source": Source.BINANCE, "base": "BTC", "quote": "USDT", "simulated": False}
        await connection.execute(insert(SeriesRow), [series])
        if connection.dialect.name == "postgresql":
            for partitioning in (MINUTES, SECONDS):
                await create_partitions(connection, partitioning, at(0), at(0) + timedelta(days=1))
        await connection.execute(insert(MinuteRow), rows)
        await connection.execute(insert(RecordingRow).values(**place))
    await migrate(url)
    await check_models(url)
    store = HistoryStore(database, simulated=False)
    feed = Feed(store)
    feed.entry = "0"
    await feed.send([feed.batch(100, [])])
    await feed.send([feed.batch(101, [40 * 60 + 9, 92 * 60 + 9])])
    await feed.run(102, 125)
    quarters = await read_quarters(store)
    # Of the minutes that were forming or corrected by then, the quarter from an hour and a half on is the first one.
    assert [one.open_time for one in quarters] == [at(0) + number * QUARTER for number in (6, 7)]
    await check(store)
    await database.close()


async def test_a_history_of_an_older_version_has_the_origin_of_trades(url: str) -> None:
    """The column is added to a database with data, on Postgres to its partitions too."""
    await migrate(url, "0006")
    database = InstrumentStore(url)
    async with database.transaction() as connection:
        series = {"id": 1, "source": Source.BINANCE, "base": "BTC", "quote": "USDT", "simulated": False}
        await connection.execute(insert(SeriesRow), [series])
        if connection.dialect.name == "postgresql":
            await create_partitions(connection, MINUTES, at(0), at(60))
        for table in ("bar_minutes", "bar_hours", "bar_days"):
            columns = "series_id, open_time, revision, known_at, coverage"
            values = "1, :at, 0, :at, 'NO_TRADES'"
            begins = bindparam("at", at(0), MinuteRow.__table__.c.open_time.type)
            await connection.execute(
                text(f"INSERT INTO {table} ({columns}) VALUES ({values})").bindparams(begins)
            )
    await migrate(url)
    await check_models(url)
    store = HistoryStore(database, simulated=False)
    for read in (store.read_minutes, store.read_hours, store.read_days):
        candles = await read(Source.BINANCE, BTC, ALL)
        assert [one.origin for one in candles] == [CandleOrigin.TRADES]
    await database.close()
