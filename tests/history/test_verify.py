"""A stored history that was changed behind the recorder's back is found."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from sqlalchemy import delete, update

from history.interval import Interval, TimeSpan
from history.models import DayRow, HourRow, MinuteRow, SecondRow, SpanRow
from history.verify import Difference, Verification
from instruments.store import InstrumentStore
from rates.source import Source
from tests.history.test_rollup import Feed, database, feed
from tests.history.trades import at
from tests.instruments.conftest import url
from tests.pipeline.fakes import BTC

__all__ = ["database", "feed", "url"]
WINDOW = TimeSpan(at(0), at(0) + (at(86_400) - at(0)))
WRONG: Mapping[Interval, type[MinuteRow] | type[HourRow] | type[DayRow]] = {
    Interval.M1: MinuteRow,
    Interval.H1: HourRow,
    Interval.D1: DayRow,
}


async def verify(feed: Feed) -> list[Difference]:
    """Return all differences."""
    verification = Verification(feed.store, Source.BINANCE)
    found = [one async for one in verification.run(WINDOW)]
    assert verification.instruments == 1
    assert verification.compared > 13 * 60
    return found


@pytest.mark.slow
async def test_what_the_recorder_stores_agrees_with_itself(feed: Feed) -> None:
    """With a correction and a gap in it, over the end of a day."""
    await feed.run(0, 90, start=True)
    await feed.send([feed.batch(90, [3660.5])])
    await feed.run(91, 13 * 60)
    assert await verify(feed) == []


@pytest.mark.slow
@pytest.mark.parametrize("interval", WRONG)
async def test_a_changed_candle_is_found(feed: Feed, database: InstrumentStore, interval: Interval) -> None:
    """It differs from its parts, and the one that it is a part of differs from it."""
    await feed.run(0, 13 * 60, start=True)
    table = WRONG[interval]
    async with database.transaction() as connection:
        changed = update(table).where(table.open_time <= at(3600)).values(volume=Decimal("0.5"))
        await connection.execute(changed)
    found = await verify(feed)
    assert interval in {one.candle.interval for one in found}
    assert all(one.symbol == BTC and "0.5" in one.problem for one in found if one.candle.interval is interval)


@pytest.mark.slow
async def test_lost_seconds_and_spans_are_found(feed: Feed, database: InstrumentStore) -> None:
    """A minute without its second has no trades; one without its span is not complete."""
    await feed.run(0, 13 * 60, start=True)
    async with database.transaction() as connection:
        await connection.execute(delete(SecondRow).where(SecondRow.open_time == at(3607)))
    (lost,) = await verify(feed)
    assert (lost.candle.open_time, lost.candle.interval) == (at(3600), Interval.M1)
    async with database.transaction() as connection:
        await connection.execute(delete(SpanRow))
    problems = {one.problem for one in await verify(feed)}
    assert "stored is COMPLETE, its parts make PARTIAL" in problems
