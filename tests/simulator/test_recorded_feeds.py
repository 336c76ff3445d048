"""Replays of recorded push feeds: unchanged frames, in order, of the right product."""

import gzip
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from rates.errors import InvalidRecording
from simulator.nanotime import SECOND
from simulator.replay.recording import Recording
from simulator.replay.recording_file import to_ns
from simulator.replay.world import ReplayWorld
from tests.json_types import Json
from tests.simulator.conftest import START_NS, OpenSimulator, ask, receive, receive_text

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FindRecording = Callable[[str], Path]
VERY_FAST = 1e6
BYBIT_2026 = "bybit_v5_mixed_20260809.jsonl.zst"
KRAKEN = """\
wss://ws.kraken.com/v2 <-> 1700000000.0
wss://ws.kraken.com/v2 <- 1700000000.1: {"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}
1700000000.2: {"channel":"status","type":"update","data":[{"system":"online","api_version":"v2","connection_id":1}]}
1700000000.3: {"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD"},"success":true}
1700000000.4: {"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.3,"ask_qty":3.2,"last":105899.4,"volume":163.28908096,"vwap":105904.39279,"low":104711.0,"high":106613.1,"change":250.0,"change_pct":0.24,"timestamp":"2023-11-14T22:13:20.390000Z"}]}
1700000001.4: {"channel":"heartbeat"}
1700000002.4: {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":105900.10,"qty":0.5,"ord_type":"market","trade_id":4665906,"timestamp":"2023-11-14T22:13:22.3985Z"}]}
1700000002.5: {"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":105944.2,"bid_qty":2.5,"ask":105944.3,"ask_qty":3.2,"last":105900.10,"volume":163.78908096,"vwap":105904.39279,"low":104711.0,"high":106613.1,"change":250.7,"change_pct":0.24,"timestamp":"2023-11-14T22:13:22.400123Z"}]}
"""


class AllStreams:
    def __contains__(self, stream: object) -> bool:
        return True


def text_frames(path: Path) -> list[str]:
    """The frames of a cryptofeed text file, read without the code under test."""
    with gzip.open(path, "rt") as file:
        lines = [line.rstrip("\n") for line in file]
    return [line.partition(": ")[2] for line in lines if line[:1].isdigit()]


def jsonl_frames(path: Path, address: str) -> list[str]:
    """The frames received from one address, read without the code under test."""
    with zstd.open(path, "rt") as file:
        entries: list[Json] = [json.loads(line) for line in file]
    connections = {entry["conn"] for entry in entries if entry["t"] == "connect" and address in entry["addr"]}
    return [entry["data"] for entry in entries if entry["t"] == "recv" and entry["conn"] in connections]


def is_okx(message: Json) -> bool:
    arg = message.get("arg", {})
    return "data" in message and arg["channel"] in ("tickers", "trades") and arg["instId"].count("-") == 1


def is_bybit(message: Json) -> bool:
    return str(message.get("topic")).startswith(("tickers.", "orderbook.1.", "publicTrade."))


def is_coinbase(message: Json) -> bool:
    return message["type"] in ("ticker", "match", "last_match")


def is_binance(message: Json) -> bool:
    return "stream" in message


RECORDED: list[tuple[str, str, Callable[[Json], bool]]] = [
    ("okx_ws_10instruments_20220227.txt.gz", "", is_okx),
    ("bybit_v5_spot_orderbook1_20250613.txt.gz", "", is_bybit),
    (BYBIT_2026, "/v5/public/spot", is_bybit),
    ("coinbase_ws_5products_20210417.txt.gz", "", is_coinbase),
    ("binance_20211012.jsonl.zst", "binance", is_binance),
]


def expected_frames(path: Path, address: str, is_expected: Callable[[Json], bool]) -> list[str]:
    frames = jsonl_frames(path, address) if path.suffix == ".zst" else text_frames(path)
    return [text for text in frames if is_expected(json.loads(text))]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "address", "is_expected"), RECORDED, ids=[one[0] for one in RECORDED])
def test_every_frame_of_a_feed_comes_out_unchanged(
    recording: FindRecording, name: str, address: str, is_expected: Callable[[Json], bool]
) -> None:
    """Only those of the simulator's channels and of spot instruments."""
    path = recording(name)
    expected = expected_frames(path, address, is_expected)
    world = ReplayWorld(Recording.read([path]), original_times=True)
    world.begin(START_NS)
    frames = list(world.advance(START_NS + 3600 * SECOND, AllStreams()))
    assert len(expected) > 20
    assert [frame.combined for frame in frames] == expected


@pytest.mark.slow
@pytest.mark.parametrize(("name", "address", "is_expected"), RECORDED, ids=[one[0] for one in RECORDED])
def test_shifted_frames_differ_in_their_times_only(
    recording: FindRecording, name: str, address: str, is_expected: Callable[[Json], bool]
) -> None:
    """Digits of prices stay, and no event time is ahead of its publication."""
    path = recording(name)
    times = {"E", "T", "t", "ts", "cts", "time", "timestamp"}

    def without_times(node: Json) -> Json:
        if isinstance(node, list):
            return [without_times(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {key: without_times(value) for key, value in node.items() if key not in times}

    expected = expected_frames(path, address, is_expected)
    world = ReplayWorld(Recording.read([path]))
    world.begin(START_NS)
    frames: list[str] = []
    while (due_ns := world.due_ns()) is not None:
        for frame in world.advance(due_ns, AllStreams()):
            frames.append(frame.combined)
            stamps = [text for text in (json.loads(frame.data).get(key) for key in ("E", "ts")) if text]
            assert all(int(stamp) * 1_000_000 <= due_ns for stamp in stamps)
    parse = [without_times(json.loads(text, parse_float=str, parse_int=str)) for text in frames]
    assert parse == [without_times(json.loads(text, parse_float=str, parse_int=str)) for text in expected]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("kraken_ws_v1_ticker_5pairs_20210417.txt.gz", "wss://ws.kraken.com"),
        ("coinbase_advanced_20260809.jsonl.zst", "advanced-trade-ws.coinbase.com"),
        ("gemini_20260809.jsonl.zst", "api.gemini.com"),
        ("kucoin_20210425.jsonl.zst", "kucoin"),
    ],
)
def test_another_feed_is_refused_by_its_address(recording: FindRecording, name: str, address: str) -> None:
    """The error says what was seen and what can be replayed."""
    with pytest.raises(InvalidRecording, match=f"{address}.*Kraken v2"):
        Recording.read([recording(name)])


def test_recorded_listings_split_joined_symbols(recording: FindRecording) -> None:
    """Bybit's instruments-info in the recording decides."""
    symbols = Recording.read([recording(BYBIT_2026)]).symbols()
    assert [(one.source, one.base, one.quote) for one in symbols] == [
        ("bybit", "BTC", "USDT"),
        ("bybit", "ETH", "USDT"),
    ]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1700000000", 1_700_000_000_000_000_000),
        ("1700000000.25", 1_700_000_000_250_000_000),
        ("1700000000123", 1_700_000_000_123_000_000),
        ("1700000000123456", 1_700_000_000_123_456_000),
        ("1700000000123456789", 1_700_000_000_123_456_789),
    ],
)
def test_the_unit_of_a_stamp_follows_from_its_magnitude(stamp: str, expected: int) -> None:
    """Seconds, milliseconds, microseconds, nanoseconds."""
    assert to_ns(Decimal(stamp)) == expected


def test_microsecond_stamps_keep_their_distances(tmp_path: Path) -> None:
    """Two trades 414 s apart are replayed 414 s apart."""
    frame = '{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{0},"s":"BTCUSDT","t":1,"p":"1.0","q":"1","T":{0}}}}}'
    path = tmp_path / "us.txt"
    path.write_text(
        f"1700000000000000 {frame.format(1700000000000)}\n1700000414000000 {frame.format(1700000414000)}\n"
        + "".join(f"{1700000414000000 + n} {frame.format(1700000414000)}\n" for n in range(200))
    )
    world = ReplayWorld(Recording.read([path]), original_times=True)
    assert [one.received_ns % 10**12 for one in Recording.read([path]).frames[:2]] == [0, 414 * SECOND]
    world.begin(START_NS)
    assert world.due_ns() == START_NS


def trade(stamp_s: int, event_s: int) -> str:
    data = f'{{"e":"trade","E":{event_s}000,"s":"BTCUSDT","t":1,"p":"1.0","q":"1","T":{event_s}000}}'
    return f'{stamp_s}000000000 {{"stream":"btcusdt@trade","data":{data}}}\n'


def test_a_gap_of_minutes_at_the_start_is_skipped(tmp_path: Path) -> None:
    """The early frame is published at once with its true age.

    The others do not wait for minutes.
    """
    path = tmp_path / "gap.txt"
    path.write_text(
        trade(1_700_000_000, 1_700_000_000)
        + trade(1_700_000_300, 1_700_000_300)
        + trade(1_700_000_302, 1_700_000_301)
    )
    world = ReplayWorld(Recording.read([path]))
    world.begin(START_NS)
    frames = list(world.advance(START_NS, AllStreams()))
    start_ms = START_NS // 1_000_000
    assert [json.loads(frame.data)["E"] for frame in frames] == [start_ms - 300_000, start_ms]
    assert world.due_ns() == START_NS + 2 * SECOND


def test_an_old_first_event_does_not_delay_the_replay(tmp_path: Path) -> None:
    """The first message of a quiet instrument has the time of its last trade, minutes ago."""
    path = tmp_path / "old.txt"
    path.write_text(trade(1_700_000_000, 1_699_999_000) + trade(1_700_000_001, 1_700_000_001))
    world = ReplayWorld(Recording.read([path]))
    world.begin(START_NS)
    (old,) = world.advance(START_NS, AllStreams())
    (new,) = world.advance(START_NS + SECOND, AllStreams())
    start_ms = START_NS // 1_000_000
    assert (json.loads(old.data)["E"], json.loads(new.data)["E"]) == (start_ms - 1_000_000, start_ms + 1000)


def test_two_feeds_in_one_text_file_are_refused(tmp_path: Path) -> None:
    """A text file does not tell which connection received a frame."""
    path = tmp_path / "two.txt"
    path.write_text("wss://ws.okx.com/ws/v5/public <-> 1700000000.0\n" + KRAKEN)
    with pytest.raises(InvalidRecording, match="kraken and okx in one text file"):
        Recording.read([path])


async def test_a_kraken_recording_is_served_with_its_digits(
    tmp_path: Path, open_simulator: OpenSimulator
) -> None:
    """Trailing zeros stay.

    A late subscriber gets the last ticker as its snapshot; times have their decimals.
    """
    path = tmp_path / "kraken.txt"
    path.write_text(KRAKEN)
    subscribe = {
        "method": "subscribe",
        "params": {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo"},
    }
    async with open_simulator(replay=(path,), speed=VERY_FAST) as at:
        async with connect(at.kraken_stream_url) as socket:
            await receive(socket)
            assert (await ask(socket, subscribe))["success"]
            first, second = await receive_text(socket), await receive_text(socket)
            assert '"bid":105944.20,' in first
            assert '"type":"update"' in second
            assert '"last":105900.10,' in second
        async with connect(at.kraken_stream_url) as late:
            await receive(late)
            assert (await ask(late, subscribe))["success"]
            snapshot = await receive_text(late)
            assert snapshot == second.replace("update", "snapshot")
            trades = {
                "method": "subscribe",
                "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": True},
            }
            assert (await ask(late, trades))["success"]
            text = await receive_text(late)
            assert '"price":105900.10,' in text
            assert len(json.loads(text)["data"][0]["timestamp"]) == len("2023-11-14T22:13:22.3985Z")
