"""Generated minutes in a database: some in SQLite for queries from memory, or millions.

    python -m bench.stored_minutes --rows 20000000

fills a Postgres of its own, reads 300 candles of random instruments at random times as a gateway does, and shows the times and
the plans.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import event, insert, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from drill.distributed.backends import start_postgres
from history.bar import Bar
from history.bar_rows import insert_rows, to_row
from history.candle_parts import Portion
from history.candle_reader import CandleReader
from history.interval import Interval, TimeSpan, span_at
from history.models import MinuteRow, SeriesRow
from history.partitions import MINUTES, QUARTERS, create_partitions
from instruments.migrations import migrate
from instruments.store import InstrumentStore
from rates.source import Source
from rates.symbol import Symbol

MINUTE = timedelta(minutes=1)
SQLITE_MINUTES = 400
INSTRUMENTS, CANDLES = 400, 300
TARGET_MS = 50.0
# Rows of one statement.
AT_ONCE = 150_000


class StoredLevel(NamedTuple):
    """A stored level, and the candles that are read from it. `days`: its time."""

    table: str
    interval: Interval
    days: int
    candles: Mapping[str, timedelta]


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# The minutes have as many rows as are asked for. A month is one of 30 days here.
MINUTE_CANDLES = {"M1": MINUTE, "M5": 5 * MINUTE}
LONGER = (
    StoredLevel("bar_quarters", Interval.M15, 7, {"M15": 15 * MINUTE, "M30": 30 * MINUTE}),
    StoredLevel(
        "bar_hours",
        Interval.H1,
        301,
        {"H1": HOUR, "H4": 4 * HOUR, "H12": 12 * HOUR, "D1 of a time zone": DAY},
    ),
    StoredLevel("bar_days", Interval.D1, 9_001, {"D1": DAY, "W1": 7 * DAY, "MN1": 30 * DAY}),
)
# In the order of a recorder, which stores a minute of all instruments before the next one: no two rows of an instrument share a page.
FILL = """
INSERT INTO {table} (series_id, open_time, revision, trades, first_us, last_us, first_id, last_id, known_at,
  open, high, low, close, volume, quote_volume, coverage)
SELECT series, at, 0, 60, 1000000, 58000000, series * 1000, series * 1000 + 59, at + interval '62 seconds',
  60000.01 + series, 60009.55 + series, 59991.20 + series, 60001.99 + series, 1.25000000, 75001.25000000, 'COMPLETE'
FROM generate_series(1, :instruments) AS series,
  generate_series(CAST(:start AS timestamptz), CAST(:end AS timestamptz) - interval '1 second', CAST(:length AS interval)) AS at
ORDER BY at, series
"""


async def store_minutes(database_url: str, symbols: Sequence[Symbol], count: int) -> None:
    """Store the last `count` closed minutes of some instruments of Binance, all complete."""
    store = InstrumentStore(database_url, simulated=True)
    end = span_at(Interval.M1, datetime.now(UTC)).start
    try:
        async with store.transaction(writes=True) as connection:
            if (await connection.execute(select(SeriesRow.id).limit(1))).first() is not None:
                # Of an earlier round.
                return
            for number, symbol in enumerate(symbols, start=1):
                series = {
                    "source": Source.BINANCE,
                    "base": symbol.base,
                    "quote": symbol.quote,
                    "simulated": True,
                }
                await connection.execute(insert(SeriesRow).values(id=number, **series))
                rows = [
                    to_row(number, at, 0, _make_bar(at, number), at + MINUTE) | {"coverage": "COMPLETE"}
                    for at in (end - each * MINUTE for each in range(count, 0, -1))
                ]
                await insert_rows(connection, MinuteRow, rows)
    finally:
        await store.close()


def _make_bar(at: datetime, number: int) -> Bar:
    price = Decimal(f"{60_000 + number}.{at.minute:02d}000000")
    high, low = price + 9, price - 9
    first, last = at + timedelta(seconds=1), at + timedelta(seconds=58)
    return Bar(price, high, low, price, Decimal("1.25000000"), price, 60, number, number + 59, first, last)


async def generate(database_url: str, rows: int) -> list[tuple[StoredLevel, TimeSpan]]:
    """Store so many minutes on Postgres, and longer bars; return their times."""
    end = span_at(Interval.D1, datetime.now(UTC)).start
    levels = [(StoredLevel("bar_minutes", Interval.M1, 0, MINUTE_CANDLES), rows // INSTRUMENTS * MINUTE)]
    levels += [(level, level.days * DAY) for level in LONGER]
    found = []
    # Statements of the product have a timeout.
    engine = create_async_engine(database_url)
    try:
        for level, length in levels:
            found.append((level, TimeSpan(end - length, end)))
            await store_bars(engine, *found[-1])
    finally:
        await engine.dispose()
    return found


async def store_bars(engine: AsyncEngine, level: StoredLevel, window: TimeSpan) -> None:
    length = level.interval.length
    assert length is not None
    async with engine.begin() as connection:
        for partitioning in (MINUTES, QUARTERS):
            if partitioning.table == level.table:
                await create_partitions(connection, partitioning, window.start, window.end)
    statement, at = text(FILL.format(table=level.table)), window.start
    while at < window.end:
        until = min(at + AT_ONCE // INSTRUMENTS * length, window.end)
        async with engine.begin() as connection:
            await connection.execute(
                statement, {"instruments": INSTRUMENTS, "start": at, "end": until, "length": length}
            )
        at = until
    async with engine.begin() as connection:
        await connection.execute(text(f"ANALYZE {level.table}"))


async def measure(
    store: InstrumentStore, level: StoredLevel, window: TimeSpan, length: timedelta, seconds: float
) -> list[float]:
    """Read 300 candles at random for some seconds; return the times in ms."""
    reader, choose, taken = CandleReader(store, simulated=True), random.Random(1), list[float]()  # noqa: S311 - no secret
    until, step = time.monotonic() + seconds, max(length, HOUR)
    while time.monotonic() < until:
        series = choose.randint(1, INSTRUMENTS)
        latest = (window.end - window.start - CANDLES * length) // step
        start = window.start + choose.randint(0, max(0, latest)) * step
        before = time.perf_counter()
        if length == MINUTE:
            found = await reader.read_minutes(series, TimeSpan(start, start + CANDLES * length))
        else:
            spans = [TimeSpan(start + each * length, start + (each + 1) * length) for each in range(CANDLES)]
            portions = [Portion(span, span.end) for span in spans]
            found = await reader.read_folded(series, portions, None, level.interval)
        taken.append((time.perf_counter() - before) * 1_000)
        if len(found) != CANDLES:
            raise SystemExit(f"expected {CANDLES} candles, saw {len(found)}")
    return taken


async def explain(
    store: InstrumentStore, level: StoredLevel, window: TimeSpan, length: timedelta
) -> list[str]:
    """Return the plan of the statement that reads the candles."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if level.table in statement:
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await measure(store, level, window, length, 0.001)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    statement, parameters = seen[-1]
    async with store.transaction() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)
        return [str(row[0]) for row in plan]


async def show_reads(
    store: InstrumentStore,
    levels: Sequence[tuple[StoredLevel, TimeSpan]],
    seconds: float,
    *,
    with_plans: bool,
) -> bool:
    """Measure all candles and show the times; return whether the target is reached."""
    is_met = True
    for level, window in levels:
        for name, length in level.candles.items():
            if window.start + CANDLES * length > window.end:
                continue
            used_s = -time.process_time()
            taken = sorted(await measure(store, level, window, length, seconds))
            used_ms = (used_s + time.process_time()) / len(taken) * 1_000
            p50, p99 = (taken[int(share * (len(taken) - 1))] for share in (0.5, 0.99))
            is_met &= p99 <= TARGET_MS
            sys.stdout.write(
                f"{CANDLES} candles of {name}: {len(taken)} reads, p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
                f"{used_ms:.1f} ms of processor time here\n"
            )
            for line in await explain(store, level, window, length) if with_plans else ():
                sys.stdout.write(f"    {line}\n")
    return is_met


async def run(rows: int, seconds: float) -> bool:
    """Fill a Postgres, measure and show; return whether the target is reached."""
    with start_postgres() as server:
        await migrate(server.url)
        store = InstrumentStore(server.url, simulated=True)
        try:
            before = time.monotonic()
            levels = await generate(server.url, rows)
            async with store.transaction() as connection:
                size = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'bar_minutes'::regclass"
                stored = int((await connection.execute(text(size))).scalar_one())
            sys.stdout.write(
                f"{rows:,} minutes and longer bars in {time.monotonic() - before:.0f} s, "
                f"{stored / rows:.0f} bytes a minute with indexes\n"
            )
            return await show_reads(store, levels, seconds, with_plans=True)
        finally:
            await store.close()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000, help="how many minutes in all")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each kind of candle is read")
    arguments = parser.parse_args()
    raise SystemExit(0 if asyncio.run(run(arguments.rows, arguments.seconds)) else 1)


if __name__ == "__main__":
    main()
