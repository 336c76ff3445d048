"""Writes stored candles of one instrument as Parquet, and reads them.

Home of pyarrow, which is an extra.

Prices are text, as the API and CSV have them: a column of decimals has one scale for all rows, which would add or drop zeros, and no
room for the longest volumes.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from history.candle import Candle
from history.export import COLUMNS, to_texts
from rates.errors import InvalidSetting

# Candles of a row group: some 100 KB.
ROWS_AT_ONCE = 10_000
TIMES = ("open_time", "close_time", "known_at")
COUNTS = ("trades", "revision")
MAGIC = b"PAR1"


async def write_parquet(candles: AsyncIterator[Candle], file: Path) -> int:
    """Write candles with the columns of the CSV: times in UTC, counts, all else as text.

    Returns their number. What is empty in the CSV is null.

    Raises:
        InvalidSetting: pyarrow is not installed.
    """
    arrow, parquet = _load("pyarrow"), _load("pyarrow.parquet")
    schema = arrow.schema([(name, _type_of(arrow, name)) for name in COLUMNS])
    count = 0
    rows: list[tuple[object, ...]] = []
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        async for candle in candles:
            rows.append(_to_row(candle))
            if len(rows) == ROWS_AT_ONCE:
                writer.write_table(_to_table(arrow, schema, rows))
                count += len(rows)
                rows = []
        if rows:
            writer.write_table(_to_table(arrow, schema, rows))
    return count + len(rows)


def is_parquet(file: Path) -> bool:
    """Return whether a file is Parquet, by its first bytes."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def read_parquet(file: Path) -> Iterator[Mapping[str, str]]:
    """Yield the rows of an export as the texts of the CSV, with times in UTC.

    Raises:
        InvalidSetting: pyarrow is not installed.
        OSError: the file cannot be read.
    """
    arrow, parquet = _load("pyarrow"), _load("pyarrow.parquet")
    try:
        with parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    yield {name: _to_text(value) for name, value in row.items()}
    except arrow.ArrowException as exc:
        raise OSError(f"no readable Parquet: {exc}") from exc


def _to_text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _load(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as exc:
        expected = "expected csv, or pyarrow to be installed: pip install 'ratewire[parquet]'"
        raise InvalidSetting("format", "parquet", expected) from exc


def _type_of(arrow: Any, name: str) -> Any:
    if name in TIMES:
        return arrow.timestamp("us", tz="UTC")
    return arrow.int64() if name in COUNTS else arrow.string()


def _to_row(candle: Candle) -> tuple[object, ...]:
    times = {
        "open_time": candle.open_time,
        "close_time": candle.close_time,
        "known_at": candle.known_at,
    }
    return tuple(
        times[name] if name in times else _to_value(name, text)
        for name, text in zip(COLUMNS, to_texts(candle), strict=True)
    )


def _to_value(name: str, text: str) -> object:
    if not text:
        return None
    return int(text) if name in COUNTS else text


def _to_table(arrow: Any, schema: Any, rows: Sequence[tuple[object, ...]]) -> Any:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return arrow.table(
        [arrow.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
