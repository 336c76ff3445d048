"""Compares an exported file with the stored history: each row with the candle of its time.

Files tell neither their instrument nor their interval: the caller does.
"""

import csv
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

from history.candle import Candle
from history.candle_reader import CandleReader
from history.export import COLUMNS, read_candles, to_texts
from history.interval import Interval, TimeSpan
from history.parquet_export import is_parquet, read_parquet
from rates.errors import InvalidSetting
from rates.ticker import TickerKey

# Times are compared as times: Parquet has UTC, CSV the zone of the export. Of folded candles `known_at` is that of the export.
LEFT_OUT = ("open_time", "close_time", "known_at", "revision")


class RowDifference(NamedTuple):
    """A row of a file that is not the candle of its time."""

    open_time: datetime
    problem: str


class ExportVerification:
    """Compares the rows of a file, and counts them.

    `outdated`: rows that have a newer revision by now.
    """

    def __init__(self, reader: CandleReader, key: TickerKey, interval: Interval, *, zone: tzinfo) -> None:
        self._reader, self._key, self._interval, self._zone = reader, key, interval, zone
        self.compared = self.outdated = 0

    async def run(self, file: Path, *, now: datetime) -> AsyncIterator[RowDifference]:
        """Yield the rows that differ, with what is stored of their time.

        Raises:
            InvalidSetting: the file is no export, or cannot be read.
        """
        rows = {_to_utc(row["open_time"]): row for row in read_rows(file)}
        if not rows:
            return
        window = TimeSpan(min(rows), max(rows) + timedelta.resolution)
        candles = read_candles(self._reader, self._key, self._interval, window, zone=self._zone, now=now)
        async for candle in candles:
            row = rows.pop(candle.open_time.astimezone(UTC), None)
            if row is None:
                yield RowDifference(candle.open_time, "is not in the file")
                continue
            self.compared += 1
            if problem := self._compare(row, candle):
                yield RowDifference(candle.open_time, problem)
        for at in rows:
            yield RowDifference(at, f"no candle of {self._interval.value} of {self._key.symbol} begins then")

    def _compare(self, row: Mapping[str, str], candle: Candle) -> str | None:
        stored = dict(zip(COLUMNS, to_texts(candle), strict=True))
        if _to_utc(row["close_time"]) != candle.close_time:
            return f"close_time is {row['close_time']}, stored is {candle.close_time.isoformat()}"
        if int(row["revision"]) < candle.revision:
            self.outdated += 1
            return None
        differs = [name for name in COLUMNS if name not in LEFT_OUT and row[name] != stored[name]]
        if not differs:
            return None
        return "; ".join(f"{name} is {row[name]!r}, stored is {stored[name]!r}" for name in differs)


def read_rows(file: Path) -> Iterator[Mapping[str, str]]:
    """Yield the rows of an export in CSV or Parquet, as the texts of the CSV.

    Raises:
        InvalidSetting: it is none, or cannot be read.
    """
    try:
        rows = read_parquet(file) if is_parquet(file) else _read_csv(file)
        for row in rows:
            if tuple(row) != COLUMNS:
                raise InvalidSetting("file", file, f"expected the columns {' '.join(COLUMNS)}")
            yield row
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InvalidSetting("file", file, f"expected an export that can be read: {exc}") from exc


def _read_csv(file: Path) -> Iterator[Mapping[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _to_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
