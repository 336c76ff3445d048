"""For any frame, a protocol returns events or raises `SourceError`, and nothing else."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.instrument import Instrument
from pipeline.feeds.protocol import FeedProtocol
from pipeline.sources.binance.protocol import BinanceProtocol
from pipeline.sources.bybit.protocol import BybitProtocol
from pipeline.sources.coinbase.protocol import CoinbaseProtocol
from pipeline.sources.kraken.protocol import KrakenProtocol
from pipeline.sources.okx.protocol import OkxProtocol
from pipeline.validation import Rejection, find_rejection
from rates.errors import SourceError
from rates.source import Source
from rates.symbol import parse_symbol
from rates.ticker import Ticker
from tests.json_types import Json, JsonObject
from tests.lengths import at_length
from tests.pipeline.fakes import START

BTC = parse_symbol("BTC/USD")
NAMES = {
    Source.COINBASE: "BTC-USD",
    Source.KRAKEN: "BTC/USD",
    Source.OKX: "BTC-USDT",
    Source.BYBIT: "BTCUSDT",
    Source.BINANCE: "BTCUSDT",
}
FRAMES: dict[Source, list[JsonObject]] = {
    Source.COINBASE: [
        {
            "type": "ticker",
            "product_id": "BTC-USD",
            "price": "1.5",
            "time": "2026-01-01T12:00:00.1Z",
            "sequence": 7,
            "trade_id": 3,
            "best_bid": "1.4",
            "best_ask": "1.6",
            "high_24h": "2",
            "low_24h": "1",
        },
        {
            "type": "heartbeat",
            "product_id": "BTC-USD",
            "time": "2026-01-01T12:00:09Z",
            "sequence": 8,
            "last_trade_id": 3,
        },
        {"type": "subscriptions", "channels": [{"name": "ticker", "product_ids": ["BTC-USD"]}]},
        {"type": "error", "message": "Failed to subscribe", "reason": "BTC-USD is not valid"},
    ],
    Source.KRAKEN: [
        {
            "channel": "ticker",
            "type": "update",
            "data": [
                {
                    "symbol": "BTC/USD",
                    "last": 1.5,
                    "bid": 1.4,
                    "ask": 1.6,
                    "timestamp": "2026-01-01T12:00:00Z",
                }
            ],
        },
        {
            "channel": "trade",
            "type": "update",
            "data": [
                {
                    "symbol": "BTC/USD",
                    "side": "buy",
                    "price": 1.5,
                    "qty": 1.0,
                    "ord_type": "market",
                    "trade_id": 7,
                    "timestamp": "2026-01-01T12:00:00Z",
                }
            ],
        },
        {"method": "subscribe", "success": True, "result": {"channel": "ticker", "symbol": "BTC/USD"}},
        {"method": "subscribe", "success": False, "symbol": "BTC/USD", "error": "no"},
        {"channel": "status", "data": [{"system": "online"}]},
    ],
    Source.OKX: [
        {
            "arg": {"channel": "tickers", "instId": "BTC-USDT"},
            "data": [
                {
                    "instType": "SPOT",
                    "instId": "BTC-USDT",
                    "last": "1.5",
                    "ts": "1767268800000",
                    "bidPx": "1.4",
                    "askPx": "1.6",
                    "high24h": "2",
                    "low24h": "1",
                    "vol24h": "9",
                }
            ],
        },
        {"event": "subscribe", "arg": {"channel": "tickers", "instId": "BTC-USDT"}},
        {"event": "error", "code": "60018", "msg": "instId:BTC-USDT doesn't exist"},
        {"event": "notice", "code": "64008", "msg": "soon"},
    ],
    Source.BYBIT: [
        {
            "topic": "tickers.BTCUSDT",
            "ts": 1767268800000,
            "cs": 5,
            "data": {"symbol": "BTCUSDT", "lastPrice": "1.5", "price24hPcnt": "0.01", "volume24h": "9"},
        },
        {
            "topic": "orderbook.1.BTCUSDT",
            "type": "delta",
            "ts": 1,
            "data": {"s": "BTCUSDT", "b": [["1.4", "1"], ["1.3", "1"]], "a": [["1.6", "1"]]},
        },
        {"success": True, "op": "subscribe", "req_id": "1", "ret_msg": ""},
        {"success": False, "op": "subscribe", "req_id": "9" * 5000, "ret_msg": "no"},
        {"success": False, "op": "subscribe", "ret_msg": "Invalid topic: tickers.BTCUSDT"},
    ],
}
FRAMES[Source.BINANCE] = [
    {
        "stream": "btcusdt@trade",
        "data": {"e": "trade", "E": 1767268800000, "s": "BTCUSDT", "t": 7, "p": "1.5", "T": 1767268800000},
    },
    {"stream": "btcusdt@bookTicker", "data": {"s": "BTCUSDT", "u": 7, "b": "1.4", "a": "1.6"}},
    {
        "stream": "btcusdt@ticker",
        "data": {
            "e": "24hrTicker",
            "E": 1767268800000,
            "s": "BTCUSDT",
            "P": "1",
            "c": "1.5",
            "b": "1.4",
            "a": "1.6",
            "h": "2",
            "l": "1",
            "v": "9",
            "L": 7,
        },
    },
    {"result": None, "id": 1},
    {"error": {"code": 2, "msg": "Invalid request"}, "id": 1},
]
# The price messages among them, as indexes.
PRICES: dict[Source, list[int]] = {
    Source.COINBASE: [0],
    Source.KRAKEN: [0, 1],
    Source.OKX: [0],
    Source.BYBIT: [0],
    Source.BINANCE: [0, 1, 2],
}
# Each pair becomes text of five and of ten seconds later.
LATER = {
    "12:00:00": ("12:00:05", "12:00:10"),
    "1767268800000": ("1767268805000", "1767268810000"),
    '"sequence": 7': ('"sequence": 9', '"sequence": 10'),
    '"trade_id": 3': ('"trade_id": 4', '"trade_id": 5'),
    '"trade_id": 7': ('"trade_id": 8', '"trade_id": 9'),
    '"t": 7': ('"t": 8', '"t": 9'),
    '"L": 7': ('"L": 8', '"L": 9'),
    '"cs": 5': ('"cs": 6', '"cs": 7'),
}
Path = tuple[str | int, ...]
# What real feeds were seen to send in a field's place, and what nobody should.
ODD: st.SearchStrategy[Json] = st.sampled_from(
    [
        None,
        "",
        "0",
        "-1",
        "NaN",
        "sNaN",
        "Infinity",
        "1e999999",
        "9" * 5000,
        0,
        -1,
        2**70,
        1e308,
        True,
        [],
        {},
        [[]],
    ]
)


def open_feed(source: Source) -> FeedProtocol:
    made: dict[Source, FeedProtocol] = {
        Source.COINBASE: CoinbaseProtocol({}, simulated=False),
        Source.KRAKEN: KrakenProtocol(simulated=False),
        Source.OKX: OkxProtocol(simulated=False),
        Source.BYBIT: BybitProtocol(simulated=False),
        Source.BINANCE: BinanceProtocol(simulated=False),
    }
    feed = made[source]
    feed.track([Instrument(source, BTC, NAMES[source], "Bitcoin")])
    feed.next_message(0.0)
    return feed


def paths(value: Json, so_far: Path = ()) -> list[Path]:
    """Return the paths to all values within a message."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [path for key, each in items for path in [(*so_far, key), *paths(each, (*so_far, key))]]
    return []


def spoilt(message: JsonObject, path: Path, odd: Json) -> bytes:
    copy = json.loads(json.dumps(message))
    *way, last = path
    inner = copy
    for step in way:
        inner = inner[step]
    inner[last] = odd
    return json.dumps(copy).encode()


def receive(feed: FeedProtocol, frame: bytes) -> None:
    """Pass a frame to the protocol, and its tickers to ingest."""
    try:
        events = feed.receive(frame, START)
    except SourceError:
        return
    for event in events:
        if isinstance(event, Ticker):
            find_rejection(event, now=START, max_skew=START - START)


@pytest.mark.slow
@pytest.mark.parametrize("source", FRAMES)
@settings(max_examples=at_length(300), deadline=None)
@given(data=st.data())
def test_a_message_with_any_value_anywhere_is_read_or_rejected(source: Source, data: st.DataObject) -> None:
    """Alone and after valid ones."""
    feed = open_feed(source)
    for _ in range(data.draw(st.integers(1, 4))):
        message = data.draw(st.sampled_from(FRAMES[source]))
        if data.draw(st.booleans()):
            receive(feed, json.dumps(message).encode())
        else:
            receive(feed, spoilt(message, data.draw(st.sampled_from(paths(message))), data.draw(ODD)))


@pytest.mark.slow
@pytest.mark.parametrize("source", FRAMES)
@settings(max_examples=at_length(200), deadline=None)
@given(data=st.data())
def test_a_truncated_or_binary_message_is_rejected(source: Source, data: st.DataObject) -> None:
    """Half of a valid one, or any bytes."""
    feed = open_feed(source)
    whole = json.dumps(data.draw(st.sampled_from(FRAMES[source]))).encode()
    receive(feed, data.draw(st.binary(max_size=40) | st.integers(0, len(whole)).map(lambda end: whole[:end])))


@pytest.mark.parametrize("source", FRAMES)
def test_bytes_that_are_no_utf8_and_deep_nesting_are_rejected(source: Source) -> None:
    """In any string of any message, and in place of any value."""
    feed = open_feed(source)
    for message in FRAMES[source]:
        receive(feed, json.dumps(message).encode().replace(b'":"', b'":"\xff').replace(b'": "', b'": "\xff'))
        for path in paths(message):
            frame = spoilt(message, path, "NEST").replace(b'"NEST"', b"[" * 100_000 + b"]" * 100_000)
            receive(feed, frame)


@pytest.mark.parametrize("odd", [None, "", 0, "-1", "NaN", "sNaN", "Infinity", 2**70, 1e308])
@pytest.mark.parametrize("source", FRAMES)
def test_an_odd_price_message_does_not_keep_later_ones_from_being_read(source: Source, odd: Json) -> None:
    """After any value of it was replaced, later messages of the same symbol give a valid ticker."""
    prices = [FRAMES[source][index] for index in PRICES[source]]
    for message in prices:
        for path in paths(message):
            for valid in ([], prices):
                feed = open_feed(source)
                for each in valid:
                    receive(feed, json.dumps(each).encode())
                receive(feed, spoilt(message, path, odd))
                assert last_rejections(feed, prices) == [None], path


def last_rejections(feed: FeedProtocol, prices: list[JsonObject]) -> list[Rejection | None]:
    """Pass the messages twice, later each time, and return the verdict on the last ticker."""
    verdicts: list[Rejection | None] = []
    for turn in (0, 1):
        for message in prices:
            text = json.dumps(message)
            for known, later in LATER.items():
                text = text.replace(known, later[turn])
            verdicts += [
                find_rejection(event, now=START, max_skew=timedelta(days=1))
                for event in feed.receive(text.encode(), START)
                if isinstance(event, Ticker)
            ]
    return verdicts[-1:]
