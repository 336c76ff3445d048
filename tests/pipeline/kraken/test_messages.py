"""Kraken's messages and what they mean, from documented examples; what recordings of its other protocols can prove."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from instruments.seed import read_seed
from pipeline.sources.kraken.messages import (
    KrakenError,
    KrakenResponse,
    KrakenStatus,
    KrakenTicker,
    KrakenTickers,
    parse_message,
)
from pipeline.sources.kraken.symbols import our_asset, v2_asset
from pipeline.sources.kraken.tickers import to_ticker
from pipeline.validation import Rejection, find_rejection
from rates.errors import SourceProtocolError
from rates.number import format_decimal
from rates.source import ObservedAtOrigin, Source
from rates.symbol import parse_symbol
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_messages, recorded

SYMBOL = parse_symbol("BTC/USD")
TICKER = (
    b'{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.2,"bid_qty":2.5,"ask":105944.30,'
    b'"ask_qty":3.2,"last":105899.4,"volume":163.28908096,"vwap":105904.39279,"low":104711.0,"high":106613.1,'
    b'"change":250.0,"change_pct":0.24,"timestamp":"2026-03-01T12:00:00.123456Z"}]}'
)


def entry(frame: bytes = TICKER) -> KrakenTicker:
    message = parse_message(frame)
    assert isinstance(message, KrakenTickers)
    (one,) = message.entries
    return one


def test_numbers_are_read_from_their_text() -> None:
    """Bare JSON numbers, each digit kept; time and figures of the day as published."""
    made = to_ticker(entry(), SYMBOL, received_at=START, simulated=True)
    assert made.source is Source.KRAKEN
    assert [str(one) for one in (made.price, made.bid, made.ask, made.high_24h, made.low_24h)] == [
        "105899.4",
        "105944.2",
        "105944.30",
        "106613.1",
        "104711.0",
    ]
    assert (made.volume_24h, made.change_percent_24h) == (Decimal("163.28908096"), Decimal("0.24"))
    assert made.observed_at == datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert made.observed_at_origin is ObservedAtOrigin.SOURCE
    assert made.simulated


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (b"0.00000001", "0.00000001"),
        (b"1e-8", "0.00000001"),
        (b"3.97E-06", "0.00000397"),
        (b"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        (b"9007199254740993", "9007199254740993"),
        (b"1", "1"),
    ],
)
def test_no_number_passes_through_a_float(written: bytes, printed: str) -> None:
    """Exponents are spelt out, more digits than a float has are kept."""
    made = to_ticker(entry(TICKER.replace(b"105899.4", written)), SYMBOL, received_at=START, simulated=False)
    assert format_decimal(made.price) == printed


def test_without_a_timestamp_the_arrival_is_what_is_known() -> None:
    """Older servers send none; the origin says so."""
    made = to_ticker(
        entry(TICKER.replace(b',"timestamp":"2026-03-01T12:00:00.123456Z"', b"")),
        SYMBOL,
        received_at=START,
        simulated=False,
    )
    assert (made.observed_at, made.observed_at_origin) == (START, ObservedAtOrigin.RECEIVED)


def test_a_pair_that_never_traded_is_refused_with_its_reason() -> None:
    """Zero quotes are none; 1970 is a time, and no market is that old."""
    frame = (
        TICKER.replace(b"105944.2,", b"0.0,")
        .replace(b"105944.30", b"0")
        .replace(b"2026-03-01", b"1970-01-01")
    )
    made = to_ticker(entry(frame), SYMBOL, received_at=START, simulated=False)
    assert (made.bid, made.ask) == (None, None)
    assert find_rejection(made, now=START, max_skew=START - START) is Rejection.BEFORE_ALL_MARKETS


def test_every_symbol_has_its_own_answer() -> None:
    """Success names it within the result, failure beside the error."""
    assert parse_message(
        b'{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},"success":true,'
        b'"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z","req_id":1}'
    ) == KrakenResponse("subscribe", "ticker", "BTC/USD", None)
    assert parse_message(
        b'{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"XBT/USD",'
        b'"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z"}'
    ) == KrakenResponse("subscribe", None, "XBT/USD", "Currency pair not supported XBT/USD")


def test_status_heartbeat_and_pong_are_no_tickers() -> None:
    """The connection id is beyond what a float holds, and nobody's business."""
    assert parse_message(
        b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
        b'"connection_id":6447481662169813000}]}'
    ) == KrakenStatus("online")
    assert parse_message(b'{"channel":"heartbeat"}') is None
    assert parse_message(b'{"method":"pong","req_id":42,"time_in":"x","time_out":"y"}') is None
    assert parse_message(b'{"channel":"book","type":"update","data":[]}') is None


@pytest.mark.parametrize(
    "frame",
    [b'{"Error":"Exceeded msg rate"}', b'{"error":"Exceeded msg rate","method":"subscribe","success":false}'],
)
def test_a_refusal_of_the_connection_is_known_by_naming_no_symbol(frame: bytes) -> None:
    """In either spelling of its key."""
    assert parse_message(frame) == KrakenError("Exceeded msg rate")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"garbage",
        b"[]",
        TICKER[:90],
        TICKER.replace(b"105899.4", b'"abc"'),
        TICKER.replace(b"105899.4", b"null"),
        TICKER.replace(b'"symbol":"BTC/USD",', b""),
        TICKER.replace(b"2026-03-01T", b"yesterday "),
        b'{"channel":"ticker"}',
        b'{"channel":"status","data":{}}',
    ],
)
def test_what_cannot_be_read_is_an_error_that_shows_it(frame: bytes) -> None:
    """Never "no price"."""
    with pytest.raises(SourceProtocolError, match="saw"):
        parse_message(frame)


@pytest.mark.parametrize("name", ["ticker", "trade"])
def test_the_recorded_old_protocol_is_refused_or_has_nothing_for_us(name: str) -> None:
    """Version 1 sends arrays: each of them is refused as unreadable, and none of its objects makes a ticker. The recordings
    prove that a connection to the wrong address shows itself, no more: no recording of version 2 is to be had.
    """
    arrays = objects = 0
    for _, frame in read_messages(f"kraken_ws_v1_{name}_5pairs_20210417.txt.gz"):
        if frame.startswith(b"["):
            arrays += 1
            with pytest.raises(SourceProtocolError):
                parse_message(frame)
        else:
            objects += 1
            assert parse_message(frame) is None
    assert (arrays, objects) == {"ticker": (13, 37), "trade": (8, 36)}[name]


def test_every_recorded_number_survives_as_a_bare_number() -> None:
    """The REST answer of 2026 has the digits of all 1,530 pairs as text: written bare, as version 2 does, each is read and
    printed as it was.
    """
    with gzip.open(recorded("kraken_rest_ticker_all_20260624.json.gz")) as file:
        pairs = json.load(file)["body"]["result"]
    template = '{"channel":"ticker","type":"update","data":[{"symbol":%s,"last":%s,"bid":%s,"ask":%s,"high":%s,"low":%s,"volume":%s}]}'
    for pair, raw in pairs.items():
        numbers = (raw["c"][0], raw["b"][0], raw["a"][0], raw["h"][1], raw["l"][1], raw["v"][1])
        one = entry((template % (json.dumps(pair), *numbers)).encode())
        read = (one.last, one.bid, one.ask, one.high, one.low, one.volume)
        assert tuple(format_decimal(number) for number in read if number is not None) == numbers
    assert len(pairs) == 1530


def test_all_our_pairs_are_in_the_recorded_listing() -> None:
    """Under the very names that the seed has; names with the suffix of another venue are not among them."""
    with gzip.open(recorded("kraken_rest_ticker_all_20260624.json.gz")) as file:
        listed = set(json.load(file)["body"]["result"])
    ours = {one.source_symbol for one in read_seed() if one.source is Source.KRAKEN}
    assert ours
    assert ours <= listed
    assert not [pair for pair in ours if ":" in pair]


def test_kraken_has_names_of_its_own() -> None:
    """XBT and XDG in the listing; and its LUNA is what everybody else calls LUNC."""
    assert [v2_asset(one) for one in ("XBT", "XDG", "ETH", "AIXBT")] == ["BTC", "DOGE", "ETH", "AIXBT"]
    assert [our_asset(one) for one in ("LUNA", "LUNA2", "BTC")] == ["LUNC", "LUNA", "BTC"]


def test_a_decimal_is_what_the_codec_makes_of_a_bare_number() -> None:
    """The library's promise that all of the above rests on."""
    assert str(msgspec.json.decode(b"[0.10]", type=list[Decimal])[0]) == "0.10"
