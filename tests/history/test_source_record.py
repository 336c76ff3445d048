"""Records of sources are stored once, whoever stores them, on SQLite and on Postgres."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import insert

from history.candle_reader import CandleReader
from history.interval import Interval, TimeSpan
from history.kline_check import KlineVerdict
from history.lag_counts import LagCounts
from history.models import CheckRow, SeriesRow
from history.recording import KeptSince
from history.source_record import (
    RecordedPiece,
    RecordedState,
    SourceFigures,
    SourcePeriod,
    fill_unknown,
)
from history.store import HistoryStore
from instruments.migrations import check_models
from instruments.store import InstrumentStore
from rates.source import Source
from tests.history.trades import at
from tests.instruments.conftest import url
from tests.migrated import migrate_new

__all__ = ["url"]
UP, DOWN, UNKNOWN = RecordedState.UP, RecordedState.DOWN, RecordedState.UNKNOWN
DAY = timedelta(days=1)


@pytest.fixture
async def database(url: str) -> AsyncIterator[InstrumentStore]:
    """A migrated database."""
    await migrate_new(url)
    store = InstrumentStore(url)
    yield store
    await store.close()


def piece(*periods: tuple[float, float, RecordedState], received: int = 5, refused: int = 1) -> RecordedPiece:
    """Return a piece of these periods in seconds."""
    lags = LagCounts()
    for number in range(received):
        lags.add(10 * number)
    return RecordedPiece(
        "kraken",
        [SourcePeriod(at(start), at(end), state, f"{state} at {start}") for start, end, state in periods],
        SourceFigures(received, refused, lags),
    )


async def read(
    database: InstrumentStore, interval: Interval = Interval.M1
) -> tuple[list[tuple[float, float, str]], list[tuple[float, float, int, int, int | None]]]:
    """Return periods and figures of the first hour."""
    reader = CandleReader(database, simulated=True)
    record = await reader.read_source_record(Source.KRAKEN, TimeSpan(at(0), at(3600)), interval, 500)
    return (
        [
            ((one.start - at(0)).total_seconds(), (one.end - at(0)).total_seconds(), one.state)
            for one in record.periods
        ],
        [
            (
                (one.open_time - at(0)).total_seconds(),
                one.recorded.total_seconds(),
                one.figures.received,
                one.figures.refused,
                one.figures.lags.quantile_ms(0.99),
            )
            for one in record.spans
        ],
    )


async def test_pieces_become_periods_and_figures(database: InstrumentStore) -> None:
    """A state that goes on is one period; minutes and hours add up."""
    store = HistoryStore(database, simulated=True)
    await store.record_sources([piece((50, 55, UP)), piece((55, 57, UP), (57, 60, DOWN))])
    await store.record_sources([piece((60, 65, DOWN))])
    periods, minutes = await read(database)
    assert periods == [(50, 57, UP), (57, 65, DOWN)]
    assert minutes == [(0, 10, 10, 2, 41), (60, 5, 5, 1, 41)]
    assert (await read(database, Interval.H1))[1] == [(0, 15, 15, 3, 41)]
    await check_models(str(database._engine.url.render_as_string(hide_password=False)))


async def test_a_time_is_stored_once(database: InstrumentStore) -> None:
    """Repeating a transaction whose end was not seen, and a second recorder, change nothing."""
    store, other = (HistoryStore(database, simulated=True) for _ in range(2))
    await store.record_sources([piece((0, 5, UP))])
    before = await read(database)
    await store.record_sources([piece((0, 5, UP))])
    await other.record_sources([piece((2, 5, DOWN)), piece((4, 9, DOWN))])
    assert await read(database) == before
    await other.record_sources([piece((5, 10, DOWN))])
    assert (await read(database))[0] == [(0, 5, UP), (5, 10, DOWN)]


async def test_real_and_simulated_records_are_apart(database: InstrumentStore) -> None:
    """They share a database."""
    await HistoryStore(database, simulated=False).record_sources([piece((0, 5, UP))])
    assert await read(database) == ([], [])


async def test_old_records_are_dropped_and_hours_stay(database: InstrumentStore) -> None:
    """Periods and minutes go when minutes of candles do."""
    store = HistoryStore(database, simulated=True)
    await store.record_sources([piece((0, 5, UP))])
    await store.maintain(at(0) + 2 * DAY, KeptSince(at(0) + DAY, at(0) + DAY))
    assert await read(database) == ([], [])
    assert (await read(database, Interval.H1))[1] == [(0, 5, 5, 1, 41)]


async def test_verdicts_of_all_instruments_are_counted_by_minutes(database: InstrumentStore) -> None:
    """Runs are cut at the window; other sources and simulated instruments do not count."""
    rows = [
        (1, 0, 10, KlineVerdict.EQUAL),
        (1, 10, 11, KlineVerdict.DIFFERS),
        (2, 3, 30, KlineVerdict.EQUAL),
        (3, 0, 30, KlineVerdict.FILLED),
        (4, 0, 30, KlineVerdict.FILLED),
    ]
    names = (("kraken", "BTC", True), ("kraken", "ETH", True), ("okx", "BTC", True), ("kraken", "BTC", False))
    async with database.transaction() as connection:
        for number, (source, base, simulated) in enumerate(names, 1):
            series = {"id": number, "source": source, "base": base, "quote": "USD", "simulated": simulated}
            await connection.execute(insert(SeriesRow).values(series))
        for number, start, end, verdict in rows:
            times = {"started_at": at(60 * start), "ended_at": at(60 * end)}
            await connection.execute(
                insert(CheckRow).values(series_id=number, verdict=verdict.value, **times)
            )
    reader = CandleReader(database, simulated=True)
    counts = await reader.count_verdicts(Source.KRAKEN, TimeSpan(at(5 * 60), at(20 * 60)))
    assert counts == {KlineVerdict.EQUAL: 5 + 15, KlineVerdict.DIFFERS: 1}


def test_times_that_nobody_recorded_are_unknown() -> None:
    """Before, between and after; but not the seconds that a working recorder has not told yet."""
    known = [SourcePeriod(at(10), at(20), UP), SourcePeriod(at(30), at(40), DOWN, "gone")]
    filled = fill_unknown(known, TimeSpan(at(0), at(100)), at(100))
    assert [(one.start, one.end, one.state) for one in filled] == [
        (at(0), at(10), UNKNOWN),
        (at(10), at(20), UP),
        (at(20), at(30), UNKNOWN),
        (at(30), at(40), DOWN),
        (at(40), at(100), UNKNOWN),
    ]
    assert filled[3].reason == "gone"
    assert fill_unknown(known, TimeSpan(at(15), at(100)), at(55))[-1].end == at(40)
    assert fill_unknown([], TimeSpan(at(0), at(10)), at(5)) == [SourcePeriod(at(0), at(5), UNKNOWN)]
    assert fill_unknown(known, TimeSpan(at(12), at(35)), at(100))[-1] == SourcePeriod(
        at(30), at(35), DOWN, "gone"
    )
