"""Replays of the real recordings, compared with an independent parser."""

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from simulator.nanotime import SECOND
from simulator.replay.recording import Recording
from simulator.replay.world import ReplayWorld
from tests.json_types import Json
from tests.lengths import only_long
from tests.simulator.conftest import START_NS, TIMEOUT_SECONDS, OpenSimulator

FindRecording = Callable[[str], Path]
BTC, ETH = "binance_spot_ws_btcusdt_20240808.txt.gz", "binance_spot_ws_ethusdt_20240808.txt.gz"
SMALL = [
    "binance_spot_ws_10symbols_20210417.txt.gz",
    "binance_spot_ws_4symbols_20211012.txt.gz",
    "binance_us_ws_4symbols_20210814.txt.gz",
]
VERY_FAST = 1e6


def recorded_lines(path: Path) -> list[tuple[int, str]]:
    """Return (receive time in ns, frame) of every line with a stream."""
    found = []
    with gzip.open(path, "rt") as file:
        for line in file:
            match = re.match(r'(\d+)(?:\.(\d+))?:? (\{"stream".*)', line.rstrip("\n"))
            if match:
                seconds, fraction, text = match.groups()
                long = len(seconds) > 12
                moment = (
                    int(seconds) if long else int(seconds) * SECOND + int((fraction or "0").ljust(9, "0")[:9])
                )
                found.append((moment, text))
    return found


def merged(paths: list[Path]) -> list[str]:
    lines = [line for path in paths for line in recorded_lines(path)]
    return [text for _, text in sorted(lines, key=lambda line: line[0])]


class AllStreams:
    def __contains__(self, stream: object) -> bool:
        return True


def oracle_state(texts: list[str]) -> dict[str, dict[str, Json]]:
    """Return last price with event time and id, and last book, by folding all frames."""
    state: dict[str, dict[str, Json]] = {}
    for text in texts:
        data = json.loads(text)["data"]
        symbol = state.setdefault(data["s"], {}) if "s" in data else {}
        if "e" not in data and "b" in data and "u" in data:
            symbol.update(bidPrice=data["b"], bidQty=data["B"], askPrice=data["a"], askQty=data["A"])
        elif data.get("e") == "trade":
            symbol.update(lastPrice=data["p"], lastQty=data["q"], lastId=data["t"], closeTime=data["E"])
        elif data.get("e") == "aggTrade":
            symbol.update(lastPrice=data["p"], lastQty=data["q"], lastId=data["l"], closeTime=data["E"])
        elif data.get("e") == "kline":
            symbol.pop("lastQty", None)
            symbol.update(lastPrice=data["k"]["c"], lastId=data["k"]["L"], closeTime=data["E"])
    return state


@pytest.mark.slow
@pytest.mark.parametrize("names", [[BTC, ETH], *([name] for name in SMALL)])
def test_every_frame_comes_out_verbatim_and_in_order(names: list[str], recording: FindRecording) -> None:
    """With original times the replay equals the recording; the final state equals the oracle's."""
    paths = [recording(name) for name in names]
    world = ReplayWorld(Recording.read(paths), original_times=True)
    world.begin(START_NS)
    frames = list(world.advance(START_NS + 3600 * SECOND, AllStreams()))
    expected = merged(paths)
    assert [frame.combined for frame in frames] == expected
    oracle = oracle_state(expected)
    for symbol, fields in oracle.items():
        assert (world.binance.ticker_24h(symbol) or {}) == (fields if "lastPrice" in fields else {})
        assert world.binance.last_price(symbol) == fields.get("lastPrice")
    assert set(world.binance.listings()) == {symbol for symbol in oracle if symbol}


@pytest.mark.slow
@pytest.mark.parametrize("speed", [7.0, *only_long(1.0)])
def test_shifted_times_never_run_ahead_of_the_clock(speed: float, recording: FindRecording) -> None:
    """Each frame carries E = start + (E - first E) / speed, never later than its publication."""
    paths = [recording(name) for name in (BTC, ETH)]
    world = ReplayWorld(Recording.read(paths), speed=speed)
    world.begin(START_NS)
    expected = [json.loads(text)["data"].get("E") for text in merged(paths)]
    first = next(stamp for stamp in expected if stamp is not None)
    start_ms = START_NS // 1_000_000
    seen = 0
    while (due := world.due_ns()) is not None:
        for frame in world.advance(due, AllStreams()):
            match = re.search(r'"E":(\d+)', frame.data)
            recorded = expected[seen]
            seen += 1
            assert (match is None) == (recorded is None)
            if match is not None and recorded is not None:
                assert int(match[1]) == start_ms + (recorded - first) // speed
                assert int(match[1]) * 1_000_000 <= due
    assert seen == len(expected)


async def test_a_client_receives_every_recorded_frame_at_full_speed(
    recording: FindRecording, open_simulator: OpenSimulator
) -> None:
    """74 000 frames over a real socket, unchanged; then REST answers with the final state."""
    paths = (recording(BTC), recording(ETH))
    expected = [text for text in merged(list(paths)) if "@depth" not in text]
    streams = "/".join(
        f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt") for kind in ("trade", "bookTicker")
    )
    async with (
        open_simulator(replay=paths, speed=VERY_FAST, times="original") as at,
        httpx.AsyncClient(base_url=at.binance_rest_url, timeout=60) as client,
        connect(at.binance_stream_url + "/stream?streams=" + streams, compression=None) as socket,
    ):
        async with asyncio.timeout(3 * TIMEOUT_SECONDS):
            received = [await socket.recv() for _ in expected]
        assert received == expected
        answer = (await client.get("/api/v3/ticker/24hr")).json()
        assert {item.pop("symbol"): item for item in answer} == oracle_state(merged(list(paths)))


@pytest.mark.parametrize("name", ["coingecko_http_2021.jsonl.gz", "coingecko_http_2023_2025h1.jsonl.gz"])
def test_coingecko_answers_end_with_the_last_recorded_digits(name: str, recording: FindRecording) -> None:
    """For each coin and currency the last successful answer wins, with exact digits."""
    path = recording(name)
    with gzip.open(path, "rt") as file:
        exchanges = [json.loads(line) for line in file]
    good = [item for item in exchanges if "/simple/price" in item["uri"] and item["status"] == 200]
    world = ReplayWorld(Recording.read([path]), speed=VERY_FAST)
    world.begin(START_NS)
    for _ in world.advance(START_NS + 3600 * SECOND, AllStreams()):
        pass
    last: dict[tuple[str, str], str] = {}
    for item in sorted(good, key=_moment):
        body = json.loads(item["body"], parse_float=str, parse_int=str)
        last.update({(coin, key): text for coin, pairs in body.items() for key, text in pairs.items()})
    for (coin, currency), text in last.items():
        assert dict(world.coingecko.quote(coin, currency)) == {currency: text}
    assert last


def _moment(item: dict[str, Json]) -> str:
    if "date" in item:
        return str(item["date"])
    return parsedate_to_datetime(item["recorded_at"]).strftime("%Y-%m-%dT%H:%M:%SZ")
