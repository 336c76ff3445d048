"""Replay of small recordings in the documented formats."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rates.errors import InvalidRecording
from simulator.markets import Frame
from simulator.nanotime import SECOND
from simulator.replay.recording import Recording
from simulator.replay.symbols import RecordedSymbol, split_symbol
from simulator.replay.world import ReplayWorld
from tests.simulator.conftest import PAYLOADS, START_NS

HFT, CRYPTOFEED, COINGECKO = (PAYLOADS / name for name in ("hft.txt", "cryptofeed.txt", "coingecko.jsonl"))
START_MS = START_NS // 1_000_000


class AllStreams:
    def __contains__(self, stream: object) -> bool:
        return True


def play(world: ReplayWorld, seconds: float) -> list[Frame]:
    """Advance to a time in seconds after the start and return the frames."""
    return list(world.advance(START_NS + int(seconds * SECOND), AllStreams()))


def begun(*paths: Path, speed: float = 1.0, original_times: bool = False) -> ReplayWorld:
    world = ReplayWorld(Recording.read(paths), speed=speed, original_times=original_times)
    world.begin(START_NS)
    return world


def test_two_files_are_merged_by_receive_time() -> None:
    """Both formats in order of reception; other lines are ignored."""
    frames = play(begun(HFT, CRYPTOFEED), 10)
    assert [frame.stream for frame in frames] == [
        "btcusdt@bookTicker",
        "ethusdt@aggTrade",
        "btcusdt@trade",
        "ethusdt@kline_1m",
        "btcusdt@trade",
        "ethusdt@ticker",
    ]


def test_nothing_but_event_times_changes() -> None:
    """Ids under T, t, L, F and prices stay.

    E, T, t, O and C keep their distances, and the first E becomes the start.
    """
    frames = play(begun(CRYPTOFEED), 10)
    shift = START_MS - 1700000000040
    originals = [line.partition(": ")[2] for line in CRYPTOFEED.read_text().splitlines()[3:]]
    trade, candle, ticker = (frame.combined for frame in frames)

    def moved(text: str, *stamps: int) -> str:
        for stamp in stamps:
            text = text.replace(f":{stamp},", f":{stamp + shift},")
        return text

    assert trade == moved(originals[0], 1700000000040, 1700000000039)
    assert candle == moved(originals[1], 1700000000495, 1699999980000, 1700000039999)
    assert ticker == moved(originals[2], 1700000001990, 1699913601990)
    assert frames[0].data == json.dumps(json.loads(trade)["data"], separators=(",", ":"))


def test_times_are_found_however_a_recorder_spaced_its_json(tmp_path: Path) -> None:
    """A recorder that formats messages itself puts spaces after colons."""
    path = tmp_path / "spaced.txt"
    data = {
        "e": "trade",
        "E": 1700000000040,
        "s": "BTCUSDT",
        "t": 1,
        "p": "1.0",
        "q": "1",
        "T": 1700000000039,
    }
    path.write_text(f"1700000000041000000 {json.dumps({'stream': 'btcusdt@trade', 'data': data})}\n")
    (frame,) = play(begun(path), 10)
    moved = json.loads(frame.data)
    assert (moved["E"], moved["T"]) == (START_MS, START_MS - 1)


def test_original_times_are_untouched() -> None:
    """Every frame equals the recorded one."""
    frames = play(begun(CRYPTOFEED, original_times=True), 10)
    originals = [line.partition(": ")[2] for line in CRYPTOFEED.read_text().splitlines()[3:]]
    assert [frame.combined for frame in frames] == originals


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0, 1000.0])
def test_frames_go_out_at_recorded_offsets_divided_by_the_speed(speed: float) -> None:
    """No frame is early, and no event time is ahead of the clock."""
    world = begun(HFT, speed=speed)
    offsets = [0.0, 0.1, 1.1]
    assert world.due_ns() == START_NS
    for offset in offsets:
        due = START_NS + int(offset / speed * SECOND)
        assert list(world.advance(due - 1, AllStreams())) == []
        (frame,) = world.advance(due, AllStreams())
        stamp = json.loads(frame.data).get("E", 0)
        assert stamp <= due // 1_000_000
    assert world.due_ns() is None


def test_an_exchange_clock_ahead_of_the_recorder_delays_frames() -> None:
    """All frames wait for the difference of the second trade's event and receive offsets."""
    records = Recording.read([HFT])
    late = [record for record in records.frames if record.streams == ("btcusdt@trade",)]
    early = replace(late[1], received_ns=late[1].received_ns - 50_000_000)
    world = ReplayWorld(Recording(("x",), [late[0], early], []))
    world.begin(START_NS)
    assert world.due_ns() == START_NS + 55_000_000
    for frame in world.advance(START_NS + 10 * SECOND, AllStreams()):
        assert frame.data
    assert world.binance.ticker_24h("BTCUSDT") == {
        "lastPrice": "100.60000000",
        "lastQty": "0.20000000",
        "lastId": 8,
        "closeTime": START_MS + 1005,
    }


def test_state_is_what_was_recorded_so_far_and_no_more() -> None:
    """Book, trade, candle, ticker in turn; unknown fields are absent."""
    world = begun(HFT, CRYPTOFEED)
    assert world.binance.ticker_24h("BTCUSDT") is None
    assert world.binance.book_ticker("BTCUSDT") is None
    play(world, 0.06)
    assert world.binance.last_price("BTCUSDT") is None
    assert world.binance.ticker_24h("BTCUSDT") is None
    assert (world.binance.book_ticker("BTCUSDT") or {})["askPrice"] == "101.00000000"
    aggregate = world.binance.ticker_24h("ETHUSDT")
    assert aggregate == {
        "lastPrice": "10.00000000",
        "lastQty": "1.00000000",
        "lastId": 22,
        "closeTime": START_MS,
    }
    play(world, 0.6)
    assert world.binance.ticker_24h("ETHUSDT") == {
        "lastPrice": "10.10000000",
        "lastId": 23,
        "closeTime": START_MS + 455,
    }
    play(world, 3)
    ticker = world.binance.ticker_24h("ETHUSDT")
    assert ticker is not None
    assert len(ticker) == 20
    assert (ticker["highPrice"], ticker["bidPrice"], ticker["closeTime"]) == (
        "11.00000000",
        "10.10000000",
        START_MS + 1950,
    )
    assert ticker["openTime"] == START_MS + 1950 - 86_400_000


def test_an_odd_frame_goes_out_and_leaves_the_state_alone(tmp_path: Path) -> None:
    """A trade without a price is published unchanged; the last valid price stays."""
    path = tmp_path / "odd.txt"
    odd = (
        '1700000001200000000 {"stream":"btcusdt@trade","data":{"e":"trade","E":1700000001200,"s":"BTCUSDT"}}'
    )
    path.write_text(HFT.read_text() + odd + "\n")
    world = begun(path)
    assert play(world, 5)[-1].data == f'{{"e":"trade","E":{START_MS + 1110},"s":"BTCUSDT"}}'
    assert world.binance.last_price("BTCUSDT") == "100.60000000"


def test_coingecko_state_is_digit_for_digit_with_its_true_age() -> None:
    """Exponents, nulls and trailing zeros stay.

    Last_updated_at keeps its distance to the time of reception.
    """
    world = begun(COINGECKO)
    play(world, 0)
    now = START_NS // SECOND
    assert dict(world.coingecko.quote("dogwifcoin", "usd")) == {
        "usd": "3.97e-06",
        "last_updated_at": str(now - 25),
    }
    assert world.coingecko.quote("dogwifcoin", "eur")["eur"] == "null"
    assert world.coingecko.quote("bitcoin", "usd")["usd"] == "37000"
    play(world, 2)
    assert dict(world.coingecko.quote("bitcoin", "usd")) == {"usd": "37001.0", "last_updated_at": str(now)}
    assert not world.coingecko.has_price("ethereum")


def test_recordings_of_both_exchanges_made_at_the_same_time_keep_their_offsets() -> None:
    """The CoinGecko answer comes 50 ms before the first aggregate trade, as recorded."""
    world = begun(CRYPTOFEED, COINGECKO)
    assert play(world, 0) == []
    assert world.coingecko.has_price("bitcoin")
    # 5 ms later than recorded: the candle's event time is 5 ms closer to its reception than the trade's.
    assert play(world, 0.054) == []
    (frame,) = play(world, 0.055)
    assert json.loads(frame.data)["E"] == START_MS + 50


def test_a_recording_says_what_it_holds() -> None:
    """Binance symbols split by known quotes, CoinGecko coins by the assets' symbols."""
    symbols = Recording.read([HFT, CRYPTOFEED, COINGECKO]).symbols()
    assert symbols == [
        RecordedSymbol("binance", "BTCUSDT", "BTC", "USDT"),
        RecordedSymbol("binance", "ETHUSDT", "ETH", "USDT"),
        RecordedSymbol("coingecko", "bitcoin", "BTC", "EUR"),
        RecordedSymbol("coingecko", "bitcoin", "BTC", "USD"),
        RecordedSymbol("coingecko", "dogwifcoin", "WIF", "EUR"),
        RecordedSymbol("coingecko", "dogwifcoin", "WIF", "USD"),
    ]


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("BUSDTRY", ("BUSD", "TRY")),
        ("SWRVBUSD", ("SWRV", "BUSD")),
        ("ZRXUSD", ("ZRX", "USD")),
        ("BTCTUSD", ("BTC", "TUSD")),
        ("USDT", None),
        ("ABCXYZ", None),
    ],
)
def test_joined_symbols_are_split(symbol: str, expected: tuple[str, str] | None) -> None:
    """A known base decides, then the longest known quote."""
    assert split_symbol(symbol, {"BTC", "USDT", "ETH"}) == expected


@pytest.mark.parametrize(
    "content",
    [
        "hello\n",
        "1700000000000000000 {broken\n",
        '{"uri":1}\n',
        "",
        "1700000000.5: {}\n",
        b"\x1f\x8bnot gzip",
    ],
)
def test_a_file_that_cannot_be_replayed_is_refused(tmp_path: Path, content: str | bytes) -> None:
    """The error names the file, and the line if there is one."""
    path = tmp_path / "recording.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidRecording, match=r"recording\.txt"):
        Recording.read([path])
    with pytest.raises(InvalidRecording, match="absent"):
        Recording.read([tmp_path / "absent"])
