"""Rows of bars, written once each and read with all their revisions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from asyncpg import InterfaceError, PostgresError
from sqlalchemy import Row, select, text
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from history.bar import Bar
from history.candle import CandleOrigin
from history.coverage import CandleCoverage
from history.models import DayRow, HourRow, MinuteRow, QuarterRow, SecondRow
from history.storage_errors import is_about_data
from instruments.store import aware
from rates.errors import DatabaseUnavailable

BarTable = type[SecondRow] | type[MinuteRow] | type[QuarterRow] | type[HourRow] | type[DayRow]
_MICROSECOND = timedelta(microseconds=1)
PRICES = ("open", "high", "low", "close", "volume", "quote_volume")
BAR_COLUMNS = ("trades", "first_us", "last_us", "first_id", "last_id", *PRICES)


class CandleKnowledge(NamedTuple):
    """Knowledge of a candle's time: how much, by whom, and since when."""

    coverage: CandleCoverage
    origin: CandleOrigin
    known_at: datetime


def to_row(
    series_id: int, open_time: datetime, revision: int, bar: Bar | None, known_at: datetime
) -> dict[str, Any]:
    """Return the columns of a bar, or of the lack of one."""
    row = {"series_id": series_id, "open_time": open_time, "revision": revision, "known_at": known_at}
    if bar is None:
        return row | dict.fromkeys(BAR_COLUMNS)
    return row | {
        "trades": bar.trades,
        "first_us": (bar.first_at - open_time) // _MICROSECOND,
        "last_us": (bar.last_at - open_time) // _MICROSECOND,
        "first_id": bar.first_id if isinstance(bar.first_id, int) else None,
        "last_id": bar.last_id if isinstance(bar.last_id, int) else None,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "quote_volume": bar.quote_volume,
    }


def to_bar(row: Row[Any]) -> Bar | None:
    """Return the bar of a row. Ids that are no numbers were not stored, and are empty."""
    if row.open is None:
        return None
    open_time = aware(row.open_time)
    return Bar(
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.quote_volume,
        trades=row.trades,
        first_id="" if row.first_id is None else row.first_id,
        last_id="" if row.last_id is None else row.last_id,
        first_at=open_time + timedelta(microseconds=row.first_us),
        last_at=open_time + timedelta(microseconds=row.last_us),
    )


def to_candle_row(
    series_id: int, open_time: datetime, before: Row[Any] | None, bar: Bar | None, known: CandleKnowledge
) -> dict[str, Any]:
    """Return the columns of a minute, hour or day: the revision after the row `before`."""
    revision = 0 if before is None else before.revision + 1
    row = to_row(series_id, open_time, revision, bar, known.known_at)
    return row | {"coverage": known.coverage.value, "origin": known.origin.value}


def is_news(before: Row[Any] | None, bar: Bar | None, coverage: CandleCoverage, origin: CandleOrigin) -> bool:
    """Return whether a candle is not stored as it is."""
    if before is None:
        return coverage is not CandleCoverage.UNKNOWN
    if to_bar(before) != bar:
        return True
    return bool(before.coverage != coverage or before.origin != origin)


async def read_newest(
    connection: AsyncConnection, table: BarTable, series: Iterable[int], start: datetime, end: datetime
) -> Mapping[tuple[int, datetime], Row[Any]]:
    """Return the newest revision of each bar between both times, in the order of time."""
    query = (
        select(table.__table__)
        .where(table.series_id.in_(list(series)), table.open_time >= start, table.open_time < end)
        .order_by(table.open_time, table.revision)
    )
    rows = (await connection.execute(query)).all()
    return {(row.series_id, aware(row.open_time)): row for row in rows}


async def insert_rows(connection: AsyncConnection, table: BarTable, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows. Those that exist stay as they are."""
    if not rows:
        return
    if connection.dialect.name != "postgresql":
        await connection.execute(insert_sqlite(table).on_conflict_do_nothing(), rows)
        return
    name, columns = table.__tablename__, [one.name for one in table.__table__.columns if one.name in rows[0]]
    # The statement also begins the transaction, of which COPY is a part. The name is one of ours.
    await connection.execute(
        text(f"CREATE TEMP TABLE staged_{name} (LIKE {name} INCLUDING DEFAULTS) ON COMMIT DROP")
    )
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    records = [tuple(row[column] for column in columns) for row in rows]
    try:
        await driver.copy_records_to_table(f"staged_{name}", records=records, columns=columns)
    except (PostgresError, InterfaceError) as exc:
        # SQLAlchemy does not see what the driver raises here.
        if is_about_data(exc):
            raise
        raise DatabaseUnavailable(f"COPY: {type(exc).__name__}: {exc}") from exc
    await connection.execute(
        text(f"INSERT INTO {name} SELECT * FROM staged_{name} ON CONFLICT DO NOTHING")  # noqa: S608 - one of our names
    )
    await connection.execute(text(f"DROP TABLE staged_{name}"))


class Correction(Enum):
    """The relation of a bar that was told to the one that is known."""

    NOTHING_NEW = "all its trades are known"
    REPLACES = "it has all known trades, and more"
    ADDS = "it has other trades than those known"
    UNCLEAR = "it has some of the known trades and some others, so that no sum of both is known"


def compare(known: Bar, told: Bar) -> Correction:
    """Return the relation of a bar that was told to the one that is known of its second."""
    if known.trades is None or told.trades is None:
        # Samples, of which a process knows the newest ones only: one that is told with others was told alone before.
        has_more = told.first_at <= known.first_at and told.last_at >= known.last_at and told != known
        return Correction.REPLACES if has_more else Correction.NOTHING_NEW
    has_more = told.trades > known.trades
    if not (isinstance(known.first_id, int) and isinstance(told.first_id, int)):
        return Correction.REPLACES if has_more else Correction.NOTHING_NEW
    assert isinstance(known.last_id, int)
    assert isinstance(told.last_id, int)
    # The first and the last trade are those by time: one that comes late may have a higher number.
    known_low, known_high = sorted((known.first_id, known.last_id))
    told_low, told_high = sorted((told.first_id, told.last_id))
    if told_low > known_high or told_high < known_low:
        return Correction.ADDS
    if told_low <= known_low and told_high >= known_high:
        return Correction.REPLACES if has_more else Correction.NOTHING_NEW
    is_within = told_low >= known_low and told_high <= known_high
    return Correction.NOTHING_NEW if is_within and not has_more else Correction.UNCLEAR
