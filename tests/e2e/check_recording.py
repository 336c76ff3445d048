"""Replay recordings through the whole system, and compare its candles with their trades.

`python -m tests.e2e.check_recording FILE...` does so for any recordings. The fold shares no code with the product: JSON,
fractions, and the times of the recording plus one offset per source, which the trades of the API show.
"""

import asyncio
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from runtime.free_port import free_port
from tests.e2e.graphql_client import execute
from tests.e2e.processes import eventually, running
from tests.json_types import Json, JsonObject

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The last trades are proved and stored by then.
SETTLED_S = 45
LENGTHS = {"S1": timedelta(seconds=1), "M1": timedelta(minutes=1)}
CANDLES = """
query Candles($symbol: Symbol!, $source: SourceId!, $interval: CandleInterval!) {
  candles(symbol: $symbol, source: $source, interval: $interval, last: 1000) {
    items { openTime state open high low close volume tradeCount coverage }
  }
  trades(symbol: $symbol, source: $source, last: 200) { sourceTradeId time }
}
"""
INSTRUMENTS = "{ instruments(first: 200) { nodes { symbol sourceSymbol source { code } } } }"


class RecordedTrade(NamedTuple):
    """A trade as it was sent, with its time in microseconds and its place in the recording."""

    time_us: int
    order: int
    identity: str
    price: str
    quantity: str
    trades: int = 1


class Counts(NamedTuple):
    """The whole candles that are equal, by interval, those that are not whole, and problems."""

    whole: Mapping[str, int]
    marked: int
    problems: Sequence[str]


Trades = dict[tuple[str, str], list[RecordedTrade]]


def read_trades(path: Path) -> Trades:
    """Return the trades of the channels that the product folds, by source and its symbol."""
    found: Trades = {}
    seen: set[tuple[str, str, str]] = set()
    for text in _read_frames(path):
        if not text.startswith("{"):
            continue
        try:
            message: Json = json.loads(text, parse_float=str)
        except ValueError:  # two messages in one line of an old recording
            continue
        for read in (_binance, _coinbase, _okx, _bybit, _kraken):
            with suppress(KeyError, TypeError, AttributeError):
                for source, symbol, trade in read(message):
                    if (source, symbol, trade.identity) not in seen:
                        seen.add((source, symbol, trade.identity))
                        known = found.setdefault((source, symbol), [])
                        known.append(trade._replace(order=len(known)))
    return found


def _read_frames(path: Path) -> Iterator[str]:
    """Yield the received frames of a file.

    Other products of Bybit are left out: their topics have the same names.
    """
    magic = path.read_bytes()[:4]
    if magic == ZSTD_MAGIC:
        left_out = set()
        with zstd.open(path, "rt") as file:
            for line in file:
                entry: Json = json.loads(line)
                if entry["t"] == "connect" and "bybit" in entry["addr"] and "/spot" not in entry["addr"]:
                    left_out.add(entry["conn"])
                if entry["t"] == "recv" and entry["conn"] not in left_out:
                    yield entry["data"]
        return
    text = gzip.decompress(path.read_bytes()) if magic.startswith(b"\x1f\x8b") else path.read_bytes()
    for row in text.decode().splitlines():
        # A line of what the client sent has an address before its time.
        brace = row.find("{")
        if row[:1].isdigit() and brace > 0:
            yield row[brace:]


Found = Iterator[tuple[str, str, RecordedTrade]]


def _binance(message: JsonObject) -> Found:
    data = message["data"]
    if message["stream"].endswith("@trade"):
        yield "BINANCE", data["s"], RecordedTrade(data["T"] * 1000, 0, str(data["t"]), data["p"], data["q"])


def _coinbase(message: JsonObject) -> Found:
    if message["type"] in ("match", "last_match"):
        at = _iso_us(message["time"])
        identity = str(message["trade_id"])
        yield (
            "COINBASE",
            message["product_id"],
            RecordedTrade(at, 0, identity, message["price"], message["size"]),
        )


def _okx(message: JsonObject) -> Found:
    name = message["arg"]["instId"]
    if message["arg"]["channel"] == "trades" and name.count("-") == 1:
        for one in message["data"]:
            trade = RecordedTrade(int(one["ts"]) * 1000, 0, one["tradeId"], one["px"], one["sz"])
            yield "OKX", name, trade._replace(trades=int(one.get("count", 1)))


def _bybit(message: JsonObject) -> Found:
    if message["topic"].startswith("publicTrade."):
        for one in message["data"]:
            yield "BYBIT", one["s"], RecordedTrade(one["T"] * 1000, 0, one["i"], one["p"], one["v"])


def _kraken(message: JsonObject) -> Found:
    if message["channel"] == "trade":
        for one in message["data"]:
            at = _iso_us(one["timestamp"])
            yield (
                "KRAKEN",
                one["symbol"],
                RecordedTrade(at, 0, str(one["trade_id"]), str(one["price"]), str(one["qty"])),
            )


def _iso_us(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def length_of(path: Path) -> float:
    """Return the seconds from the first to the last recorded trade."""
    times = [trade.time_us for trades in read_trades(path).values() for trade in trades]
    return (max(times) - min(times)) / 1e6 if times else 0.0


async def check_recordings(paths: Sequence[Path], folder: Path) -> Counts:
    """Replay the files together at their own speed, and compare all seconds and minutes.

    Raises:
        AssertionError: the system does not start or the replay does not end.
    """
    recorded: Trades = {}
    for path in paths:
        recorded |= read_trades(path)
    port = free_port()
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(folder),
        # A thousand candles with all their values, in one answer.
        "RATEWIRE_GATEWAY_MAX_COST": "1000000",
    }
    arguments = [part for path in paths for part in ("--replay", str(path))]
    url, longest_s = f"http://127.0.0.1:{port}", max(map(length_of, paths))
    async with running("up", *arguments, env=env) as command:
        await command.prints("gateway listening")
        status = next(part[7:] for part in command.text.split() if part.startswith("status=http"))
        await eventually(
            lambda: _has_ended(status), within_s=3 * longest_s + 240, what="the end of the replay"
        )
        names = await _read_names(url)
        settled_at = datetime.now(UTC) + timedelta(seconds=SETTLED_S)

        async def is_settled() -> bool:
            return datetime.now(UTC) > settled_at

        await eventually(is_settled, within_s=2 * SETTLED_S, what="the last trades")
        return await _compare(url, recorded, names)


async def _has_ended(status_url: str) -> bool:
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.get(status_url)
    return msgspec.json.decode(answer.content)["ended_at_ms"] is not None


async def _read_names(url: str) -> dict[tuple[str, str], str]:
    nodes = (await execute(url, INSTRUMENTS, dict))["instruments"]["nodes"]
    return {(one["source"]["code"], one["sourceSymbol"]): one["symbol"] for one in nodes}


async def _compare(url: str, recorded: Trades, names: Mapping[tuple[str, str], str]) -> Counts:
    whole, marked, problems = dict.fromkeys(LENGTHS, 0), 0, list[str]()
    for (source, name), trades in recorded.items():
        symbol = names.get((source, name))
        if symbol is None:
            problems.append(f"{source} {name}: not tracked")
            continue
        for interval, length in LENGTHS.items():
            data = await execute(url, CANDLES, dict, symbol=symbol, source=source, interval=interval)
            offset_us = _find_offset(trades, data["trades"])
            if offset_us is None:
                problems.append(f"{source} {symbol}: no recorded trade arrived")
                break
            expected = _fold(trades, offset_us, length)
            for candle in data["candles"]["items"]:
                if candle["state"] == "FORMING":
                    continue
                if candle["coverage"] not in ("COMPLETE", "NO_TRADES"):
                    marked += 1
                elif (difference := _differ(candle, expected.get(_iso_us(candle["openTime"])))) is None:
                    whole[interval] += candle["coverage"] == "COMPLETE"
                else:
                    problems.append(f"{source} {symbol} {interval} {candle['openTime']}: {difference}")
    return Counts(whole, marked, problems)


def _find_offset(trades: Sequence[RecordedTrade], seen: Sequence[JsonObject]) -> int | None:
    """Return by how much the replay has moved the times; all known trades must agree."""
    times = {trade.identity: trade.time_us for trade in trades}
    offsets = [
        _iso_us(one["time"]) - times[one["sourceTradeId"]] for one in seen if one["sourceTradeId"] in times
    ]
    if not offsets:
        return None
    assert max(offsets) - min(offsets) < 1_000, "the times were not moved alike"
    return max(offsets)


def _fold(
    trades: Sequence[RecordedTrade], offset_us: int, length: timedelta
) -> dict[int, list[RecordedTrade]]:
    width, found = length // timedelta(microseconds=1), dict[int, list[RecordedTrade]]()
    for trade in trades:
        moved = trade.time_us + offset_us
        found.setdefault(moved // width * width, []).append(trade)
    return found


def _differ(candle: JsonObject, trades: Sequence[RecordedTrade] | None) -> str | None:
    """Return how a whole candle differs from the trades of its time."""
    if trades is None:
        return None if candle["coverage"] == "NO_TRADES" else "no trade was recorded then"
    if candle["coverage"] == "NO_TRADES":
        return f"NO_TRADES, recorded were {len(trades)}"
    numbered = all(trade.identity.isdigit() for trade in trades)
    order: Callable[[RecordedTrade], tuple[int, int]] = lambda one: (  # noqa: E731 - one of two
        one.time_us,
        int(one.identity) if numbered else one.order,
    )
    ordered = sorted(trades, key=order)
    prices = [trade.price for trade in ordered]
    expected = (prices[0], max(prices, key=Decimal), min(prices, key=Decimal), prices[-1])
    seen = (candle["open"], candle["high"], candle["low"], candle["close"])
    volume = sum((Fraction(trade.quantity) for trade in ordered), Fraction(0))
    count = sum(trade.trades for trade in ordered)
    same = [Decimal(one) for one in seen] == [Decimal(one) for one in expected]
    if same and Fraction(candle["volume"]) == volume and candle["tradeCount"] == count:
        return None
    return f"seen {seen} {candle['volume']} of {candle['tradeCount']}, recorded {expected} {float(volume)} of {count}"


def main(arguments: Sequence[str]) -> int:
    """Check recordings, and print what was found."""
    paths = [Path(each) for each in arguments]
    with tempfile.TemporaryDirectory(prefix="ratewire-recording-") as folder:
        counts = asyncio.run(check_recordings(paths, Path(folder)))
    for problem in counts.problems:
        sys.stdout.write(f"MISS {problem}\n")
    sys.stdout.write(
        f"whole and equal: {counts.whole}, marked as not whole: {counts.marked}, {len(counts.problems)} problems\n"
    )
    return 1 if counts.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
