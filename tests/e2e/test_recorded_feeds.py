"""Recorded push feeds reach a GraphQL subscriber digit for digit.

They pass the simulator and the real clients.
"""

import asyncio
import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping
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


Read = Callable[[Json], tuple[str, Quote] | None]


def quotes_of(path: Path, read: Read) -> Mapping[str, list[Quote]]:
    """All recorded (price, bid, ask) by symbol, in order."""
    found: dict[str, list[Quote]] = {}
    for text in lines_of(path):
        if text.startswith("{") and (quote := read(json.loads(text, parse_float=str, parse_int=str))):
            found.setdefault(quote[0], []).append(quote[1])
    return found


RECORDINGS: Mapping[str, tuple[str, Read]] = {
    "COINBASE": ("coinbase_ws_5products_20210417.txt.gz", coinbase),
    "OKX": ("okx_ws_10instruments_20220227.txt.gz", okx),
    "BYBIT": ("bybit_v5_mixed_20260809.jsonl.zst", bybit),
    "BINANCE": ("binance_20211012.jsonl.zst", binance),
}


async def test_recorded_prices_arrive_digit_for_digit(tmp_path: Path) -> None:
    """Every received price was recorded for its symbol, with its own quotes.

    The last one arrives.

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
    last = {key: quotes[-1][0] for key, quotes in recorded.items()}
    received: list[LiveRate] = []
    port = free_port()
    env = {"RATEWIRE_GATEWAY_PORT": str(port), "RATEWIRE_STANDALONE_FOLDER": str(tmp_path)}

    async def collect() -> None:
        async with live_rates(f"http://127.0.0.1:{port}", sources=list(paths)) as events:
            while True:
                received.extend((await next_event(events, within_s=60))["items"])

    async def all_arrived() -> bool:
        return {(item["source"]["code"], item["symbol"]): item["price"] for item in received} == last

    arguments = [part for path in paths.values() for part in ("--replay", str(path))]
    async with running("up", *arguments, "--speed", str(SPEED), env=env) as command:
        await command.prints("gateway listening")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(collect())
            await eventually(all_arrived, within_s=60, what=f"the last prices {last}")
            task.cancel()
    assert len(recorded) > 10
    for item in received:
        quotes = recorded[item["source"]["code"], item["symbol"]]
        fitting = [quote for quote in quotes if quote[0] == item["price"]]
        assert fitting, f"{item['symbol']} {item['price']} was never recorded"
        if item["source"]["code"] in ("COINBASE", "OKX", "KRAKEN") and item["bid"] is not None:
            assert (item["bid"], item["ask"]) in [quote[1:] for quote in fitting]
