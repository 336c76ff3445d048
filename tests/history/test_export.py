"""Exported candles are those that are stored, digit for digit."""

import csv
import io
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet
import pytest
from sqlalchemy import update

from history import parquet_export
from history.bar import fold
from history.candle_reader import CandleReader
from history.export import COLUMNS, read_candles, write_csv
from history.interval import Interval, TimeSpan, span_at
from history.models import MinuteRow
from history.verify_export import ExportVerification, RowDifference
from instruments.store import InstrumentStore
from rates.errors import InvalidSetting
from rates.source import Source
from rates.ticker import TickerKey
from tests.history.test_rollup import ALL, Feed, database, feed
from tests.history.trades import at
from tests.instruments.conftest import url
from tests.pipeline.fakes import BTC

__all__ = ["database", "feed", "url"]
MINUTES = 36 * 60
KEY = TickerKey(Source.BINANCE, BTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
async def reader(feed: Feed, database: InstrumentStore) -> CandleReader:
    """A history of 36 hours."""
    await feed.run(0, MINUTES, start=True)
    return CandleReader(database, simulated=False)


@pytest.fixture
def empty(database: InstrumentStore) -> CandleReader:
    """A history of nothing."""
    return CandleReader(database, simulated=False)


async def export(reader: CandleReader, interval: Interval, window: TimeSpan) -> list[dict[str, str]]:
    """Return the rows of an export in the time of Berlin."""
    file = io.StringIO()
    candles = read_candles(reader, KEY, interval, window, zone=BERLIN, now=at(MINUTES * 60 + 60))
    count = await write_csv(candles, file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == count
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


@pytest.mark.slow
async def test_candles_are_the_fold_of_the_stored_minutes(feed: Feed, reader: CandleReader) -> None:
    """Each begins where the one before ended, in the time of Berlin."""
    minutes = await feed.store.read_minutes(Source.BINANCE, BTC, ALL)
    for interval in (Interval.M1, Interval.M15, Interval.H4, Interval.D1):
        rows = await export(reader, interval, TimeSpan(at(0), at(MINUTES * 60)))
        assert len(rows) >= 1
        assert [row["close_time"] for row in rows[:-1]] == [row["open_time"] for row in rows[1:]]
        first = span_at(interval, at(0), BERLIN)
        expected = first.start if first.start == at(0) else first.end
        assert rows[0]["open_time"] == expected.isoformat()
        for row in rows:
            times = row["open_time"], row["close_time"]
            bar = fold(
                one.bar for one in minutes if one.bar and times[0] <= one.open_time.isoformat() < times[1]
            )
            assert bar is not None
            told = [
                row[name] for name in ("open", "high", "low", "close", "volume", "quote_volume", "trades")
            ]
            prices = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume)
            assert told == [*(format(one, "f") for one in prices), str(bar.trades)]


@pytest.mark.slow
async def test_seconds_are_exported_with_those_without_trades(reader: CandleReader) -> None:
    """One in sixty has a trade; all are known."""
    rows = await export(reader, Interval.S1, TimeSpan(at(3600), at(3600) + timedelta(hours=2)))
    assert len(rows) == 7200
    assert sum(row["open"] != "" for row in rows) == 120
    assert {row["coverage"] for row in rows} == {"COMPLETE", "NO_TRADES"}


@pytest.mark.slow
async def test_parquet_has_the_rows_of_the_csv(
    reader: CandleReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Digit for digit, in several groups of rows, also times of which nothing is known."""
    monkeypatch.setattr(parquet_export, "ROWS_AT_ONCE", 100)
    window, now = TimeSpan(at(-7200), at(MINUTES * 60)), at(MINUTES * 60 + 60)
    file = tmp_path / "candles.parquet"
    candles = read_candles(reader, KEY, Interval.M5, window, zone=BERLIN, now=now)
    count = await parquet_export.write_parquet(candles, file)
    told = await export(reader, Interval.M5, window)
    rows = pyarrow.parquet.read_table(file).to_pylist()
    assert count == len(rows) == len(told)
    assert {row["coverage"] for row in rows} >= {"UNKNOWN", "COMPLETE"}
    for row, expected in zip(rows, told, strict=True):
        for name, value in expected.items():
            if name in parquet_export.TIMES:
                assert row[name] == datetime.fromisoformat(value)
            else:
                assert ("" if row[name] is None else str(row[name])) == value


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_an_exported_file_is_compared_with_the_history(
    reader: CandleReader, database: InstrumentStore, tmp_path: Path, form: str
) -> None:
    """Every row, in any zone; a changed one is found, and a file of another interval."""
    now, file = at(MINUTES * 60 + 60), tmp_path / f"candles.{form}"
    candles = read_candles(reader, KEY, Interval.H1, TimeSpan(at(0), at(86_400)), zone=BERLIN, now=now)
    if form == "csv":
        with file.open("w", newline="") as opened:
            count = await write_csv(candles, opened)
    else:
        count = await parquet_export.write_parquet(candles, file)

    async def verify(interval: Interval) -> tuple[int, list[RowDifference]]:
        verification = ExportVerification(reader, KEY, interval, zone=BERLIN)
        return verification.compared, [one async for one in verification.run(file, now=now)]

    verification = ExportVerification(reader, KEY, Interval.H1, zone=BERLIN)
    assert [one async for one in verification.run(file, now=now)] == []
    assert verification.compared == count > 20
    assert (await verify(Interval.H4))[1]
    async with database.transaction() as connection:
        changed = update(MinuteRow).where(MinuteRow.open_time == at(3_600)).values(volume=Decimal("0.5"))
        await connection.execute(changed)
    (difference,) = (await verify(Interval.H1))[1]
    assert difference.open_time == at(3_600)
    assert "volume is" in difference.problem


async def test_a_file_that_is_no_export_is_refused(empty: CandleReader, tmp_path: Path) -> None:
    """With what was expected."""
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    for path in (file, tmp_path / "missing.csv"):
        verification = ExportVerification(empty, KEY, Interval.H1, zone=BERLIN)
        with pytest.raises(InvalidSetting, match="expected"):
            await anext(verification.run(path, now=at(0)))


async def test_without_pyarrow_the_error_names_the_extra(
    empty: CandleReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    candles = read_candles(empty, KEY, Interval.H1, ALL, zone=BERLIN, now=at(0))
    with pytest.raises(InvalidSetting, match=r"pip install 'ratewire\[parquet\]'"):
        await parquet_export.write_parquet(candles, tmp_path / "candles.parquet")
    assert not exists(tmp_path / "candles.parquet")


def exists(path: Path) -> bool:
    return path.exists()


@pytest.mark.slow
async def test_what_is_not_over_or_not_known_has_no_prices(reader: CandleReader) -> None:
    """Before the first minute nothing is known; the last hour is not over."""
    rows = await export(reader, Interval.H1, TimeSpan(at(-7200), at(MINUTES * 60 + 7200)))
    assert [row["coverage"] for row in rows[:2]] == ["UNKNOWN", "UNKNOWN"]
    assert [row["open"] for row in rows[:2]] == ["", ""]
    assert rows[-1]["close_time"] == at(MINUTES * 60).isoformat()
