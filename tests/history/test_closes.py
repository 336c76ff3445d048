"""Closes of many instruments, read at once, equal those of their minutes.

On SQLite and on Postgres.
"""

import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from history.bar_rows import insert_rows
from history.candle import Candle
from history.candle_reader import CandleReader
from history.coverage import WHOLE, CandleCoverage
from history.interval import Interval, TimeSpan
from history.models import MinuteRow, SeriesRow
from history.partitions import MINUTES, create_partitions
from history.span_close import SpanClose
from instruments.store import InstrumentStore
from tests.history.generated_minutes import make_minute
from tests.history.trades import at
from tests.instruments.conftest import url
from tests.migrated import migrate_new

pytestmark = pytest.mark.slow

__all__ = ["url"]
SERIES = (1, 2, 3)
COUNT = 120


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A database with minutes of two instruments, and a third one without any."""
    await migrate_new(url)
    store = InstrumentStore(url)
    chance = random.Random(1)
    async with store.transaction() as connection:
        for series in SERIES:
            await connection.execute(
                insert(SeriesRow).values(
                    id=series, source="binance", base=f"A{series}", quote="USDT", simulated=False
                )
            )
        if connection.dialect.name == "postgresql":
            await create_partitions(connection, MINUTES, at(0), at(0) + timedelta(days=40))
        rows = [
            make_minute(chance, series, number, revision)
            for series in SERIES[:2]
            for number in range(COUNT)
            if chance.random() < 0.7
            for revision in range(chance.choice((1, 1, 3)))
        ]
        await insert_rows(connection, MinuteRow, rows)
    yield store
    await store.close()


def list_windows() -> list[TimeSpan]:
    """Return some spans of whole minutes, one of them without a minute."""
    chance = random.Random(2)
    starts = [chance.randrange(COUNT - 5) for _ in range(12)]
    windows = [TimeSpan(at(60 * start), at(60 * (start + chance.randint(1, 30)))) for start in starts]
    return [*windows, TimeSpan(at(60 * COUNT), at(60 * COUNT + 600))]


async def test_closes_are_those_of_the_last_minute_with_a_trade(database: InstrumentStore) -> None:
    """Of the newest revisions; minutes are counted by what is known of them."""
    reader = CandleReader(database, simulated=False)
    for window in list_windows():
        minutes = {series: await reader.read_minutes(series, window) for series in SERIES}
        expected = {series: summarise(found) for series, found in minutes.items() if found}
        found = await reader.read_closes(SERIES, window)
        assert found == expected
        assert {str(each.close) for each in found.values()} == {str(each.close) for each in expected.values()}


def summarise(minutes: list[Candle]) -> SpanClose:
    closes = [minute.bar.close for minute in minutes if minute.bar is not None]
    return SpanClose(
        closes[-1] if closes else None,
        sum(minute.coverage in WHOLE for minute in minutes),
        sum(minute.coverage is not CandleCoverage.UNKNOWN for minute in minutes),
    )


@pytest.mark.parametrize("known_at", [None, at(3_000)])
async def test_the_last_minute_with_a_trade_is_found_in_a_window(
    database: InstrumentStore, known_at: datetime | None
) -> None:
    """In the revision that was known, for each instrument that has one."""
    reader = CandleReader(database, simulated=False)
    for window in list_windows():
        expected = {}
        for series in SERIES:
            traded = [one for one in await reader.read_minutes(series, window, known_at) if one.bar]
            if traded:
                expected[series] = (traded[-1].open_time, traded[-1].revision, str(traded[-1].bar))
        found = await reader.read_last_bars(Interval.M1, SERIES, window, known_at)
        assert {
            series: (one.open_time, one.revision, str(one.bar)) for series, one in found.items()
        } == expected
    assert await reader.read_last_bars(Interval.M1, (), list_windows()[0]) == {}


async def test_quarter_hours_are_read_together(database: InstrumentStore) -> None:
    """Each has the closes that it has alone."""
    reader = CandleReader(database, simulated=False)
    for start, end in ((0, COUNT), (15, 45), (30, 37), (COUNT, COUNT + 30)):
        found = await reader.read_quarter_closes(SERIES, TimeSpan(at(60 * start), at(60 * end)))
        expected = {}
        for first in range(start, end, 15):
            window = TimeSpan(at(60 * first), at(60 * min(end, first + 15)))
            if closes := await reader.read_closes(SERIES, window):
                expected[window.start] = closes
        assert found == expected
