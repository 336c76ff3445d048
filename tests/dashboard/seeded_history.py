"""Writes a history of generated minutes into a database, as a recorder would have left it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import delete, insert, select

from history.bar import Bar
from history.bar_rows import insert_rows, to_row
from history.coverage import CandleCoverage
from history.models import MinuteRow, RecordingRow, SeriesRow
from history.place import NOTHING_ROLLED_UP
from history.rollup import Rollup
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import parse_symbol

MINUTE = timedelta(minutes=1)
_STEP = 0.0009
# Prices below it have eight decimals.
SMALL = 100


class SeededMinute(NamedTuple):
    """A minute, and what is known of it. Without a bar nothing was traded."""

    at: datetime
    bar: Bar | None
    coverage: CandleCoverage


def generate_minutes(
    start: datetime,
    count: int,
    *,
    first_price: float = 60_000,
    unknown: Collection[int] = (),
    partial: Collection[int] = (),
    quiet: Collection[int] = (),
    seed: int = 12345,
) -> Iterator[SeededMinute]:
    """Yield minutes whose prices wander, always the same ones.

    `unknown`, `partial`, `quiet`: the numbers of those without a record, with a part of it, and without a trade. `seed`: another
    walk for another number.
    """
    state, price = seed, first_price
    for number in range(count):
        moves = []
        for _ in range(4):
            state = (state * 1103515245 + 12345) % 2**31
            moves.append(price * _STEP * (state / 2**31 - 0.5))
        opening, close = price, price + moves[0]
        price = close
        if number in unknown:
            continue
        coverage = CandleCoverage.PARTIAL if number in partial else CandleCoverage.COMPLETE
        at = start + number * MINUTE
        if number in quiet:
            yield SeededMinute(at, None, CandleCoverage.NO_TRADES)
            continue
        high = max(opening, close) + abs(moves[1]) / 2
        low = min(opening, close) - abs(moves[2]) / 2
        volume = Decimal(f"{abs(moves[3]) / 10 + 0.01:.4f}")
        last = _price(close)
        bar = Bar(
            open=_price(opening),
            high=_price(high),
            low=_price(low),
            close=last,
            volume=volume,
            quote_volume=last * volume,
            trades=20 + number % 40,
            first_id="",
            last_id="",
            first_at=at + timedelta(seconds=1),
            last_at=at + timedelta(seconds=58),
        )
        yield SeededMinute(at, bar, coverage)


def _price(value: float) -> Decimal:
    return Decimal(f"{value:.2f}" if value >= SMALL else f"{value:.8f}")


async def seed_history(
    database_url: str, symbol: str, minutes: Sequence[SeededMinute], source: Source = Source.BINANCE
) -> None:
    """Store the minutes of a simulated instrument, and the hours and days that they make."""
    store = InstrumentStore(database_url)
    parsed, end = parse_symbol(symbol), minutes[-1].at + MINUTE
    series = {"source": source.value, "base": parsed.base, "quote": parsed.quote, "simulated": True}
    async with store.transaction() as connection:
        await connection.execute(insert(SeriesRow).values(**series))
        number = (await connection.execute(select(SeriesRow.id).filter_by(**series))).scalar_one()
        rows = [
            to_row(number, one.at, 0, one.bar, one.at + MINUTE + timedelta(seconds=1))
            | {"coverage": one.coverage.value}
            for one in minutes
        ]
        await insert_rows(connection, MinuteRow, rows)
        rollup, done = Rollup(connection, [number], kept=minutes[0].at), NOTHING_ROLLED_UP
        while done.hours_until is None or done.hours_until < end - timedelta(hours=1):
            done = await rollup.store(done, end, {})
        # One for all instruments of a source.
        await connection.execute(delete(RecordingRow).filter_by(source=source.value, simulated=True))
        await connection.execute(
            insert(RecordingRow).values(
                source=source.value,
                simulated=True,
                entry="1",
                session="seeded",
                number=1,
                through=end,
                minutes_until=end,
                **done.columns(),
            )
        )
    await store.close()


def floor_minute(at: datetime) -> datetime:
    """Return the beginning of the minute of a time."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)
