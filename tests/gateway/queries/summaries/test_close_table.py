"""The closes in memory are read with few statements, and only once where nothing changes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest

from gateway.queries.candles.storage import CandleStorage
from gateway.queries.summaries.close_table import MAX_MINUTES, CloseTable
from gateway.queries.summaries.summary import QUARTER, list_quarters
from history.interval import TimeSpan
from history.span_close import SpanClose
from rates.errors import DatabaseUnavailable

NOW = datetime(2024, 8, 8, 12, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Storage:
    """A history in which each instrument has its number for a price; it counts what is read."""

    def __init__(self) -> None:
        self.reads: list[tuple[tuple[int, ...], TimeSpan]] = []
        self.fails_after = 1_000

    async def read_quarter_closes(
        self, series: Sequence[int], window: TimeSpan
    ) -> Mapping[datetime, Mapping[int, SpanClose]]:
        if len(self.reads) >= self.fails_after:
            raise DatabaseUnavailable("too slow")
        self.reads.append((tuple(series), window))
        found, start = {}, window.start
        while start < window.end:
            found[start] = {one: SpanClose(Decimal(one), 15, 15) for one in series}
            start += QUARTER
        return found

    async def read_closes(self, series: Sequence[int], _window: TimeSpan) -> Mapping[int, SpanClose]:
        return {one: SpanClose(Decimal(one), 1, 1) for one in series}


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def table(storage: Storage) -> CloseTable:
    return CloseTable(cast("CandleStorage", storage))


def is_whole(table: CloseTable, series: Sequence[int]) -> bool:
    """Return whether the closes of all quarter hours are there."""
    return all(set(table.closes_of(one)) == set(list_quarters(NOW)) for one in series)


async def test_instruments_that_are_added_are_read_alone(table: CloseTable, storage: Storage) -> None:
    """A start adds them by and by: it does not read the day of all of them again each time."""
    await table.refresh([1, 2, 3], NOW)
    storage.reads.clear()
    await table.refresh([1, 2, 3, 4], NOW)
    settled = [(series, window) for series, window in storage.reads if series == (4,)]
    assert sum((window.end - window.start for _, window in settled), timedelta()) > timedelta(hours=22)
    others = [window.end - window.start for series, window in storage.reads if series != (4,)]
    assert sum(others, timedelta()) <= timedelta(hours=1.5)
    assert is_whole(table, [1, 2, 3, 4])
    assert set(table.prices.now) == {1, 2, 3, 4}


@pytest.mark.slow
async def test_a_refresh_that_fails_goes_on_where_it_was(table: CloseTable, storage: Storage) -> None:
    """Also if instruments were added in between."""
    many = list(range(1, 401))
    storage.fails_after = 10
    with pytest.raises(DatabaseUnavailable):
        await table.refresh(many, NOW)
    storage.fails_after = 1_000
    await table.refresh([*many, 401], NOW)
    again = [window for series, window in storage.reads[10:] if 1 in series]
    read = storage.reads[9][1].end
    # But for the two that are read again in turn, nothing that was read is.
    assert sum(window.start < read for window in again) <= 2
    assert is_whole(table, [*many, 401])


async def test_statements_are_bounded(table: CloseTable, storage: Storage) -> None:
    """By instruments and minutes, which are the rows that a statement reads."""
    many = list(range(1, 401))
    await table.refresh(many, NOW)
    rows = [len(series) * ((window.end - window.start) // MINUTE) for series, window in storage.reads]
    assert max(rows) <= MAX_MINUTES
    assert len(rows) <= 26
