"""Days of Berlin around both changes of the clocks, from minutes and from stored hours."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.queries.candles.query import CandlesQuery
from gateway.settings import GatewaySettings
from history.bar import bar_of
from history.bar_rows import insert_rows, to_row
from history.candle import Candle
from history.candle_reader import CandleReader
from history.coverage import CandleCoverage
from history.interval import Interval
from history.models import MinuteRow, RecordingRow, SeriesRow
from history.place import NOTHING_ROLLED_UP
from history.rollup import Rollup
from instruments.store import InstrumentStore
from rates.source import Source
from tests.gateway.fakes import FakeClock, ListedInstruments, wait_until
from tests.history.trades import trade
from tests.migrated import migrate_new
from tests.pipeline.fakes import BTC

BERLIN = "Europe/Berlin"
MINUTE = timedelta(minutes=1)
# The day before the change, that day and the one after it, in hours.
CHANGES = {
    "march": (datetime(2024, 3, 30, tzinfo=ZoneInfo(BERLIN)), (24, 23, 24)),
    "october": (datetime(2024, 10, 26, tzinfo=ZoneInfo(BERLIN)), (24, 25, 24)),
}


class Days(NamedTuple):
    """A gateway with a trade in each minute of three days, which are so many hours long."""

    gateway: Gateway
    first: datetime
    hours: tuple[int, ...]

    async def read(self, interval: Interval, last: int) -> list[Candle]:
        """Return the candles of Berlin."""
        found = await self.gateway.candles.read(
            CandlesQuery(BTC, interval, Source.BINANCE, last=last, zone=BERLIN)
        )
        return [one.candle for one in found.items]


@pytest.fixture(params=[f"{parts}-{change}" for parts in ("minutes", "hours") for change in CHANGES])
async def days(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    instruments: ListedInstruments,
    settings: GatewaySettings,
    clock: FakeClock,
) -> AsyncIterator[Days]:
    """A gateway over the minutes, with or without stored hours and days in UTC."""
    parts, change = request.param.split("-")
    local, hours = CHANGES[change]
    first, count = local.astimezone(UTC), 60 * sum(hours)
    url = f"sqlite+aiosqlite:///{tmp_path}/days.sqlite"
    await migrate_new(url)
    store = InstrumentStore(url)
    end = first + count * MINUTE
    async with store.transaction() as connection:
        await connection.execute(
            insert(SeriesRow).values(id=1, source="binance", base=BTC.base, quote=BTC.quote, simulated=False)
        )
        rows = []
        for number in range(count):
            at = first + number * MINUTE
            bar = bar_of(trade(number, 0, str(1 + number)))
            row = to_row(1, at, 0, bar, at + 2 * MINUTE)
            rows.append(row | {"first_us": 0, "last_us": 0, "coverage": "COMPLETE"})
        await insert_rows(connection, MinuteRow, rows)
        if parts == "hours":
            rollup, done = Rollup(connection, [1], kept=first), NOTHING_ROLLED_UP
            while done.hours_until != end:
                done = await rollup.store(done, end, {})
            await connection.execute(
                insert(RecordingRow).values(
                    source="binance",
                    simulated=False,
                    entry="1",
                    session="one",
                    number=1,
                    minutes_until=end,
                    **done.columns(),
                )
            )
    clock.now = end + timedelta(hours=1)
    history = CandleReader(store, simulated=False)
    gateway = Gateway(MemoryCache(), instruments, settings, simulated=False, history=history, clock=clock)
    task = asyncio.create_task(gateway.run())
    await wait_until(lambda: gateway.mirror.loaded and gateway.catalog.loaded)
    yield Days(gateway, first, hours)
    task.cancel()
    await asyncio.wait([task])
    await store.close()


@pytest.mark.slow
async def test_days_have_all_minutes_of_their_hours(days: Days) -> None:
    """The day of the change has 23 or 25 hours, from midnight on, and is complete."""
    found = (await days.read(Interval.D1, 4))[:3]
    start, number = days.first, 0
    for candle, hours in zip(found, days.hours, strict=True):
        end = start + timedelta(hours=hours)
        assert (candle.open_time, candle.close_time) == (start, end)
        assert candle.open_time.astimezone(ZoneInfo(BERLIN)).hour == 0
        assert candle.coverage is CandleCoverage.COMPLETE
        assert candle.bar is not None
        assert (candle.bar.trades, candle.bar.volume) == (60 * hours, Decimal(60 * hours))
        assert (candle.bar.open, candle.bar.close) == (Decimal(1 + number), Decimal(number + 60 * hours))
        start, number = end, number + 60 * hours


@pytest.mark.slow
@pytest.mark.parametrize("interval", [Interval.H1, Interval.H4, Interval.H12])
async def test_shorter_candles_of_the_day_add_up_to_it(days: Days, interval: Interval) -> None:
    """None is missing, and none has the trades of an hour twice."""
    day = (await days.read(Interval.D1, 4))[1]
    inside = [one for one in await days.read(interval, 80) if day.open_time <= one.open_time < day.close_time]
    assert inside[0].open_time == day.open_time
    assert inside[-1].close_time == day.close_time
    assert day.bar is not None
    assert sum(0 if one.bar is None else one.bar.trades or 0 for one in inside) == day.bar.trades
    assert {one.coverage for one in inside} == {CandleCoverage.COMPLETE}
