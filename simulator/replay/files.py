"""Raw formats of recordings, parsed line by line into records; an unknown line is refused with its position.

* hftbacktest: `<receive time, epoch ns> <frame JSON>`
* cryptofeed: `<receive time, epoch s>: <frame JSON>`, with `<address> <-> <time>` (connected) and
  `<address> <- <time>: <what the client sent>` in between
* CoinGecko: one JSON object per recorded HTTP exchange (`uri`, `status`, `body`, `date` or `recorded_at`)
"""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO

import msgspec

from rates.errors import InvalidRecording
from simulator.nanotime import SECOND

_LINE = re.compile(r"(?:(\d{16,20}) |(\d{9,11}(?:\.\d+)?): )(.*)", re.DOTALL)
_OF_THE_RECORDER = (" <-> ", " <- ", " -> ")
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A received frame of a combined Binance stream; `data` is the wrapped payload, both unchanged."""

    received_ns: int
    stream: str
    combined: str
    data: str


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """A recorded HTTP answer with its unchanged body."""

    received_ns: int
    uri: str
    status: int
    body: str


class _Wrapped(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Exchange(msgspec.Struct):
    uri: str
    status: int
    body: str
    method: str = "GET"
    date: str | None = None
    recorded_at: str | None = None


_decode_wrapped = msgspec.json.Decoder(_Wrapped).decode
_decode_exchange = msgspec.json.Decoder(_Exchange).decode


def read_records(path: Path) -> Iterator[RecordedFrame | RecordedAnswer]:
    """Yield the records of one file in order; gzip or plain text.

    Raises:
        InvalidRecording: the file cannot be opened, or a line has an unknown format.
    """
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                record = _parse_line(line.rstrip("\r\n"), f"{path.name} line {number}")
                if record is not None:
                    yield record
    except (OSError, EOFError, UnicodeDecodeError) as exc:
        raise InvalidRecording(f"{path}: cannot be read: {exc}") from exc


def _open(path: Path) -> IO[str]:
    with path.open("rb") as file:
        zipped = file.read(2) == _GZIP_MAGIC
    return gzip.open(path, "rt", encoding="utf-8") if zipped else path.open(encoding="utf-8")


def _parse_line(line: str, where: str) -> RecordedFrame | RecordedAnswer | None:
    if not line.strip():
        return None
    if line.startswith("{"):
        return _parse_exchange(line, where)
    match = _LINE.fullmatch(line)
    if match is None:
        if any(mark in line for mark in _OF_THE_RECORDER):
            return None
        raise InvalidRecording(
            f"{where}: seen {line[:60]!r}, expected '<epoch ns> <frame>', '<epoch s>: <frame>' or a JSON object"
        )
    received_ns = int(match[1]) if match[1] else int(Decimal(match[2]) * SECOND)
    return _parse_frame(received_ns, match[3], where)


def _parse_frame(received_ns: int, text: str, where: str) -> RecordedFrame | None:
    try:
        wrapped = _decode_wrapped(text)
    except msgspec.ValidationError:
        # Answers to control messages and order book snapshots belong to no stream.
        return None
    except msgspec.DecodeError as exc:
        raise InvalidRecording(f"{where}: seen {text[:60]!r}, expected a frame in JSON") from exc
    return RecordedFrame(received_ns, wrapped.stream, text, bytes(wrapped.data).decode())


def _parse_exchange(line: str, where: str) -> RecordedAnswer | None:
    try:
        exchange = _decode_exchange(line)
        received_ns = _parse_time(exchange.recorded_at or exchange.date or "")
    except (msgspec.DecodeError, ValueError) as exc:
        raise InvalidRecording(
            f"{where}: seen {line[:60]!r}, expected an object with uri, status, body and date or recorded_at: {exc}"
        ) from exc
    return RecordedAnswer(received_ns, exchange.uri, exchange.status, exchange.body)


def _parse_time(text: str) -> int:
    # Cassettes use both 2023-01-24T09:25:09Z and Sat, 15 May 2021 15:34:55 GMT.
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = parsedate_to_datetime(text)
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000) * (SECOND // 1000)
