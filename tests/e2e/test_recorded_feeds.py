"""Recorded push feeds reach a GraphQL subscriber digit for digit.

They pass the simulator and the real clients.
"""

import asyncio
import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from runtime.free_port import free_port
from tests.e2e.graphql_client import LiveRate, live_rates, next_event
from tests.e2e.processes import eventually, running
from tests.e2e.recorded import recording
from tests.json_types import Json
from tests.simulator.test_recorded_feeds import KRAKEN

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

Quote = tuple[str, str | None, str | None]
SPEED = 6


def lines_of(path: Path) -> Iterator[str]:
    """The frames of a recording, of all connections, read without the simulator's code."""
    if path.suffix == ".zst":
        with zstd.open(path, "rt") as file:
            for line in file:
                entry: Json = json.loads(line)
                if entry["t"] == "recv":
                    yield entry["data"]
        return
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    yield from (line.partition(": ")[2] for line in text.splitlines() if line[:1].isdigit())


def coinbase(message: Json) -> tuple[str, Quote] | None:
    if message["type"] != "ticker":
        return None
    symbol = message["product_id"].replace("-", "/")
    return symbol, (message["price"], message["best_bid"], message["best_ask"])


def okx(message: Json) -> tuple[str, Quote] | None:
    if "data" not in message or message["data"][0].get("instType") != "SPOT":
        return None
    fields = message["data"][0]
    return fields["instId"].replace("-", "/"), (fields["last"], fields["bidPx"], fields["askPx"])


def bybit(message: Json) -> tuple[str, Quote] | None:
    # Spot tickers carry a cross sequence; those of derivatives with the same names do not.
    if not str(message.get("topic")).startswith("tickers.") or "usdIndexPrice" not in message["data"]:
        return None
    data = message["data"]
    return data["symbol"].removesuffix("USDT") + "/USDT", (data["lastPrice"], None, None)


def kraken(message: Json) -> tuple[str, Quote] | None:
    if message.get("channel") != "ticker":
        return None
    data = message["data"][0]
    return data["symbol"], (data["last"], data["bid"], data["ask"])


def binance(message: Json) -> tuple[str, Quote] | None:
    data = message.get("data", {})
    if data.get("e") not in ("aggTrade", "kline"):
        return None
    symbols = {"NKNUSDT": "NKN/USDT", "BLZETH": "BLZ/ETH", "LRCBTC": "LRC/BTC", "RUNEEUR": "RUNE/EUR"}
    price = data["p"] if data["e"] == "aggTrade" else data["k"]["c"]
    return symbols[data["s"]], (price, None, None)


def okx_trades(message: Json) -> Iterator[tuple[str, str]]:
    if "data" in message and message["arg"]["channel"] == "trades":
        yield from ((trade["instId"].replace("-", "/"), trade["px"]) for trade in message["data"])


def coinbase_trades(message: Json) -> Iterator[tuple[str, str]]:
    if message["type"] == "match":
        yield message["product_id"].replace("-", "/"), message["price"]


def kraken_trades(message: Json) -> Iterator[tuple[str, str]]:
    if message.get("channel") == "trade":
        yield from ((trade["symbol"], trade["price"]) for trade in message["data"])


def no_trades(_: Json) -> Iterator[tuple[str, str]]:
    yield from ()


Read = Callable[[Json], tuple[str, Quote] | None]
ReadTrades = Callable[[Json], Iterator[tuple[str, str]]]


def quotes_of(path: Path, read: Read) -> Mapping[str, list[Quote]]:
    """All recorded (price, bid, ask) by symbol, in order."""
    found: dict[str, list[Quote]] = {}
    for text in lines_of(path):
        if text.startswith("{") and (quote := read(json.loads(text, parse_float=str, parse_int=str))):
            found.setdefault(quote[0], []).append(quote[1])
    return found


def prices_of(path: Path, read: Read, read_trades: ReadTrades) -> Mapping[str, list[str]]:
    """All recorded prices by symbol, of tickers and trades, in order."""
    found: dict[str, list[str]] = {}
    for text in lines_of(path):
        if text.startswith("{"):
            message = json.loads(text, parse_float=str, parse_int=str)
            if quote := read(message):
                found.setdefault(quote[0], []).append(quote[1][0])
            for symbol, price in read_trades(message):
                found.setdefault(symbol, []).append(price)
    return found


def first_out_of_order(received: Sequence[object], recorded: Sequence[object]) -> object:
    """The first value that was not recorded at or after the place of the one before it.

    None if there is none. Conflation may leave values out, and a value may come more than once.
    """
    place = 0
    for value in received:
        try:
            place = recorded.index(value, place)
        except ValueError:
            return value
    return None


# The sources that name the trade and its quote in one message, beside a channel of trades.
TRADES: Mapping[str, ReadTrades] = {"COINBASE": coinbase_trades, "OKX": okx_trades, "KRAKEN": kraken_trades}
RECORDINGS: Mapping[str, tuple[str, Read]] = {
    "COINBASE": ("coinbase_ws_5products_20210417.txt.gz", coinbase),
    "OKX": ("okx_ws_10instruments_20220227.txt.gz", okx),
    "BYBIT": ("bybit_v5_mixed_20260809.jsonl.zst", bybit),
    "BINANCE": ("binance_20211012.jsonl.zst", binance),
}


async def test_recorded_prices_arrive_digit_for_digit(tmp_path: Path) -> None:
    """Prices and pairs of bid and ask arrive in the recorded order, the last ones too.

    A trade may arrive a moment before the ticker that tells it with its quote: until then it stands beside the quote before it.
    Kraken's file is written from the documented shapes: no recording of its v2 feed is public. Binance's has aggregate trades only,
    so its prices come through the polled ticker.
    """
    paths = {source: recording(name) for source, (name, _) in RECORDINGS.items()}
    paths["KRAKEN"] = tmp_path / "kraken.txt"
    paths["KRAKEN"].write_text(KRAKEN)
    reads = {"KRAKEN": kraken, **{source: read for source, (_, read) in RECORDINGS.items()}}
    recorded = {
        (source, symbol): quotes
        for source, path in paths.items()
        for symbol, quotes in quotes_of(path, reads[source]).items()
    }
    prices = {
        (source, symbol): each
        for source, read in reads.items()
        for symbol, each in prices_of(paths[source], read, TRADES.get(source, no_trades)).items()
    }
    last = {
        key: quotes[-1] if key[0] in TRADES else (quotes[-1][0], None, None)
        for key, quotes in recorded.items()
    }
    received: list[LiveRate] = []
    port = free_port()
    env = {"RATEWIRE_GATEWAY_PORT": str(port), "RATEWIRE_STANDALONE_FOLDER": str(tmp_path)}

    async def collect() -> None:
        async with live_rates(f"http://127.0.0.1:{port}", sources=list(paths)) as events:
            while True:
                received.extend((await next_event(events, within_s=60))["items"])

    async def all_arrived() -> bool:
        newest: dict[tuple[str, str], Quote] = {}
        for item in received:
            code = item["source"]["code"]
            bid, ask = (item["bid"], item["ask"]) if code in TRADES else (None, None)
            newest[code, item["symbol"]] = (item["price"], bid, ask)
        return newest == last

    arguments = [part for path in paths.values() for part in ("--replay", str(path))]
    async with running("up", *arguments, "--speed", str(SPEED), env=env) as command:
        await command.prints("gateway listening")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(collect())
            await eventually(all_arrived, within_s=60, what=f"the last prices {last}")
            task.cancel()
    assert len(recorded) > 10
    for (source, symbol), quotes in recorded.items():
        items = [each for each in received if (each["source"]["code"], each["symbol"]) == (source, symbol)]
        assert first_out_of_order([each["price"] for each in items], prices[source, symbol]) is None
        if source in TRADES:
            pairs = [(each["bid"], each["ask"]) for each in items if each["bid"] is not None]
            assert first_out_of_order(pairs, [quote[1:] for quote in quotes]) is None
