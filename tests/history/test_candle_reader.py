"""Stored parts of candles are read as they are known now, and as they were known.

On SQLite and on Postgres.
"""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import insert

from history.bar import Bar
from history.bar_rows import BarTable, insert_rows
from history.candle_parts import Portion, fold_portions
from history.candle_reader import ROWS_AT_ONCE, CandleReader
from history.interval import Interval, TimeSpan
from history.models import DayRow, HourRow, MinuteRow, SeriesRow
from history.partitions import MINUTES, create_partitions
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey
from tests.history.generated_minutes import make_minute
from tests.history.trades import at
from tests.instruments.conftest import url
from tests.migrated import migrate_new

__all__ = ["url"]
MINUTE = timedelta(minutes=1)
SERIES = 1


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A migrated database with one instrument."""
    await migrate_new(url)
    store = InstrumentStore(url)
    async with store.transaction() as connection:
        await connection.execute(
            insert(SeriesRow).values(id=SERIES, source="binance", base="BTC", quote="USDT", simulated=False)
        )
        if connection.dialect.name == "postgresql":
            await create_partitions(connection, MINUTES, at(0), at(0) + timedelta(days=40))
    yield store
    await store.close()


@pytest.fixture
def reader(database: InstrumentStore) -> CandleReader:
    return CandleReader(database, simulated=False)


async def store_minutes(database: InstrumentStore, rows: list[dict[str, object]]) -> None:
    async with database.transaction() as connection:
        await insert_rows(connection, MinuteRow, rows)


def text_of(bar: Bar | None) -> object:
    """Return everything of a bar with its digits, but for the ids, which are not read."""
    return bar and [str(value) for value in (*(getattr(bar, name) for name in Bar.__struct_fields__),)][:7]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_minutes_fold_in_the_database_as_they_do_in_memory(
    database: InstrumentStore, reader: CandleReader, seed: int
) -> None:
    """Portions, gaps between minutes, revisions, and times at which they were known vary."""
    chance = random.Random(seed)
    numbers = [number for number in range(400) if chance.random() < 0.8]
    await store_minutes(
        database,
        [
            make_minute(chance, SERIES, number, revision)
            for number in numbers
            for revision in range(chance.choice((1, 1, 3)))
        ],
    )
    for known_at in (None, at(60 * chance.randrange(500))):
        cuts = sorted({0, 400, *chance.sample(range(1, 400), 30)})
        portions = [
            Portion(TimeSpan(at(60 * start), at(60 * end)), at(60 * end + chance.choice((0.2, 600))))
            for start, end in pairwise(cuts)
        ]
        folded = await reader.read_folded(SERIES, portions, known_at)
        minutes = await reader.read_minutes(SERIES, TimeSpan(at(0), at(24_000)), known_at)
        expected = fold_portions(portions, minutes)
        assert [text_of(one.bar) for one in folded] == [text_of(one.bar) for one in expected]
        for one, other in zip(folded, expected, strict=True):
            assert (one.open_time, one.close_time, one.coverage) == (
                other.open_time,
                other.close_time,
                other.coverage,
            )
            assert (one.revision, one.state, one.known_at) == (other.revision, other.state, other.known_at)
            assert one.origin is other.origin
            if one.bar and other.bar:
                assert (one.bar.first_at, one.bar.last_at) == (other.bar.first_at, other.bar.last_at)


@pytest.mark.parametrize(("table", "interval"), [(HourRow, Interval.H1), (DayRow, Interval.D1)])
async def test_hours_and_days_fold_in_the_database_as_they_do_in_memory(
    database: InstrumentStore, reader: CandleReader, table: BarTable, interval: Interval
) -> None:
    """Each portion is made of ten of them, some of which are missing."""
    chance, length = random.Random(4), interval.length
    assert length is not None
    rows = [
        make_minute(chance, SERIES, number * (length // MINUTE), revision)
        for number in range(60)
        if chance.random() < 0.9
        for revision in range(chance.choice((1, 2)))
    ]
    async with database.transaction() as connection:
        await insert_rows(connection, table, rows)
    starts = [at(0) + 10 * number * length for number in range(7)]
    portions = [Portion(TimeSpan(start, end), end) for start, end in pairwise(starts)]
    folded = await reader.read_folded(SERIES, portions, None, interval)
    single = [
        Portion(TimeSpan(start, start + length), start + 10 * length)
        for start in (at(0) + number * length for number in range(60))
    ]
    parts = await reader.read_folded(SERIES, single, None, interval)
    expected = fold_portions(portions, parts)
    assert [text_of(one.bar) for one in folded] == [text_of(one.bar) for one in expected]
    assert [one.coverage for one in folded] == [one.coverage for one in expected]


async def test_a_minute_is_read_as_it_was_known_at_a_time(
    database: InstrumentStore, reader: CandleReader
) -> None:
    """Before its first revision nothing was known of it."""
    chance = random.Random(1)
    rows = [make_minute(chance, SERIES, 0, revision) for revision in range(2)]
    await store_minutes(database, rows)

    async def read(known_at: datetime | None) -> list[int]:
        minutes = await reader.read_minutes(SERIES, TimeSpan(at(0), at(60)), known_at)
        return [minute.revision for minute in minutes]

    assert await read(None) == [1]
    assert await read(at(461.9)) == [0]
    assert await read(at(462)) == [1]
    assert await read(at(61.9)) == []


@pytest.mark.slow
async def test_long_windows_are_read_in_several_statements(
    database: InstrumentStore, reader: CandleReader
) -> None:
    """No minute is lost or repeated where two of them meet."""
    chance = random.Random(2)
    count = 2 * ROWS_AT_ONCE + 7
    await store_minutes(database, [make_minute(chance, SERIES, number, 0) for number in range(count)])
    minutes = await reader.read_minutes(SERIES, TimeSpan(at(0), at(60 * count)))
    assert [minute.open_time for minute in minutes] == [at(60 * number) for number in range(count)]


async def test_the_instruments_with_a_history_and_its_beginning_are_known(
    database: InstrumentStore, reader: CandleReader
) -> None:
    """An instrument of the simulator is another one."""
    assert await reader.read_series() == {TickerKey(Source.BINANCE, Symbol("BTC", "USDT")): SERIES}
    assert await CandleReader(database, simulated=True).read_series() == {}
    assert await reader.read_earliest(SERIES) is None
    await store_minutes(database, [make_minute(random.Random(3), SERIES, number, 0) for number in (7, 5, 9)])
    assert await reader.read_earliest(SERIES) == at(300)
