"""Files of recordings, read line by line into records; plain, gzip or zstd.

An unknown line is refused with its position.

* hftbacktest: `<receive time> <frame>`
* cryptofeed text: `<receive time>: <frame>`, with `<address> <-> <time>` (connected) and
  `<address> <- <time>: <what the client sent>` in between
* cryptofeed JSONL format 2: a header line, then objects with `t` = http, connect, send or recv
* CoinGecko: one JSON object per recorded HTTP exchange (`uri`, `status`, `body`, `date` or `recorded_at`)

The unit of a receive time (s, ms, us, ns) follows from its magnitude.
"""

import gzip
import re
import sys
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
from simulator.replay.feeds import RecordedFrame, feed_of, parse_frame

_LINE = re.compile(r"(\d{9,20}(?:\.\d+)?):? (.*)", re.DOTALL)
_RECORDER_LINE = re.compile(r"(\S+) (?:<->|<-|->) ")
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_FORMAT = 2
# The largest stamp of each unit: 1e11 s are the year 5138.
_UNITS = ((10**11, SECOND), (10**14, SECOND // 1000), (10**17, 1000))


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """A recorded HTTP answer with its unchanged body."""

    received_ns: int
    uri: str
    status: int
    body: str


Record = RecordedFrame | RecordedAnswer


class _Exchange(msgspec.Struct):
    uri: str
    status: int
    body: str
    method: str = "GET"
    date: str | None = None
    recorded_at: str | None = None


class _Entry(msgspec.Struct):
    t: str
    conn: str = ""
    ts: Decimal = Decimal(0)
    addr: str = ""
    url: str = ""
    data: str = ""
    format: int = 0


_decode_exchange = msgspec.json.Decoder(_Exchange).decode
_decode_entry = msgspec.json.Decoder(_Entry).decode


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of one file in order.

    Raises:
        InvalidRecording: the file cannot be opened, or a line has an unknown format.
    """
    reader = _Reader(path.name)
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                record = reader.parse(line.rstrip("\r\n"), f"{path.name} line {number}")
                if record is not None:
                    yield record
    except (OSError, EOFError, UnicodeDecodeError, _zstd_error()) as exc:
        raise InvalidRecording(f"{path}: cannot be read: {exc}") from exc
    reader.check()


def _open(path: Path) -> IO[str]:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic.startswith(_GZIP_MAGIC):
        return gzip.open(path, "rt", encoding="utf-8")
    if magic == _ZSTD_MAGIC:
        return _open_zstd(path)
    return path.open(encoding="utf-8")


def _open_zstd(path: Path) -> IO[str]:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - not in older versions
    else:
        from backports import zstd  # noqa: PLC0415 - not needed by newer versions
    opened: IO[str] = zstd.open(path, "rt", encoding="utf-8")
    return opened


def _zstd_error() -> type[Exception]:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdError  # noqa: PLC0415 - not in older versions
    else:
        from backports.zstd import ZstdError  # noqa: PLC0415 - not needed by newer versions
    return ZstdError


class _Reader:
    """The state of reading one file: its format, and the feed of each connection."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_jsonl: bool | None = None
        self._feeds: dict[str, str | None] = {}
        self._addresses: dict[str, None] = {}
        self._frames = 0

    def parse(self, line: str, where: str) -> Record | None:
        """The record of a line; None for a line without one."""
        if not line.strip():
            return None
        if line.startswith("{"):
            if self._is_jsonl is None:
                self._is_jsonl = '"t":"header"' in line[:200].replace(" ", "")
            return self._parse_entry(line, where) if self._is_jsonl else _parse_exchange(line, where)
        if (address := _RECORDER_LINE.match(line)) is not None:
            self._addresses[address[1]] = None
            return None
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidRecording(
                f"{where}: seen {line[:60]!r}, expected '<epoch> <frame>', '<epoch>: <frame>' or a JSON object"
            )
        return self._frame(to_ns(Decimal(match[1])), self._text_feed(where), match[2], where)

    def check(self) -> None:
        """Refuse a file whose frames all belong to feeds that cannot be replayed.

        Raises:
            InvalidRecording: naming the addresses.
        """
        if self._addresses and not self._frames:
            seen = ", ".join(sorted({address.partition("?")[0] for address in self._addresses}))
            raise InvalidRecording(
                f"{self._name}: no frame of a feed that the simulator replays: seen {seen}; expected Binance Spot,"
                " Coinbase Exchange, Kraken v2, OKX v5 or Bybit v5 spot"
            )

    def _text_feed(self, where: str) -> str | None:
        feeds = {feed for address in self._addresses if (feed := feed_of(address))}
        if len(feeds) > 1:
            raise InvalidRecording(
                f"{where}: seen frames of {' and '.join(sorted(feeds))} in one text file, expected one feed"
                " (JSONL format 2 tells connections apart)"
            )
        return next(iter(feeds), None)

    def _parse_entry(self, line: str, where: str) -> Record | None:
        try:
            entry = _decode_entry(line)
        except msgspec.DecodeError as exc:
            raise InvalidRecording(
                f"{where}: seen {line[:60]!r}, expected an entry of JSONL format 2: {exc}"
            ) from exc
        match entry.t:
            case "header" if entry.format != _FORMAT:
                raise InvalidRecording(f"{where}: seen format {entry.format}, expected {_FORMAT}")
            case "connect":
                self._feeds[entry.conn] = feed_of(entry.addr)
                self._addresses[entry.addr] = None
            case "http":
                return RecordedAnswer(to_ns(entry.ts), entry.url, 200, entry.data)
            case "recv":
                return self._frame(to_ns(entry.ts), self._feeds.get(entry.conn), entry.data, where)
        return None

    def _frame(self, received_ns: int, source: str | None, text: str, where: str) -> RecordedFrame | None:
        try:
            frame = parse_frame(received_ns, source, text)
        except msgspec.DecodeError as exc:
            raise InvalidRecording(f"{where}: seen {text[:60]!r}, expected a frame in JSON") from exc
        self._frames += frame is not None
        return frame


def to_ns(stamp: Decimal) -> int:
    """A receive time in nanoseconds, from a stamp in s, ms, us or ns."""
    unit = next((unit for limit, unit in _UNITS if stamp < limit), 1)
    return int(stamp * unit)


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
