"""Kraken's messages, from documented examples and recordings of its other protocols."""

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
    """JSON numbers with each digit kept; time and 24 h statistics as published."""
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
    """Exponents are resolved, and more digits than a float has are kept."""
    made = to_ticker(entry(TICKER.replace(b"105899.4", written)), SYMBOL, received_at=START, simulated=False)
    assert format_decimal(made.price) == printed


def test_without_a_timestamp_the_time_of_arrival_is_used() -> None:
    """Older servers send none. The origin says so."""
    made = to_ticker(
        entry(TICKER.replace(b',"timestamp":"2026-03-01T12:00:00.123456Z"', b"")),
        SYMBOL,
        received_at=START,
        simulated=False,
    )
    assert (made.observed_at, made.observed_at_origin) == (START, ObservedAtOrigin.RECEIVED)


def test_a_pair_that_never_traded_is_rejected_with_its_reason() -> None:
    """Quotes of zero are none; 1970 is earlier than all markets."""
    frame = (
        TICKER.replace(b"105944.2,", b"0.0,")
        .replace(b"105944.30", b"0")
        .replace(b"2026-03-01", b"1970-01-01")
    )
    made = to_ticker(entry(frame), SYMBOL, received_at=START, simulated=False)
    assert (made.bid, made.ask) == (None, None)
    assert find_rejection(made, now=START, max_skew=START - START) is Rejection.BEFORE_ALL_MARKETS


def test_every_symbol_has_a_response_of_its_own() -> None:
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
    """The connection id does not fit a float, and is ignored."""
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
def test_an_error_without_a_symbol_is_about_the_connection(frame: bytes) -> None:
    """With both spellings of its key."""
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
        TICKER.replace(b"2026-03-01T12:00:00.123456Z", b"2026-11-28T19:59:59.5"),
        b'{"channel":"ticker"}',
        b'{"channel":"status","data":{}}',
    ],
)
def test_an_unreadable_message_is_an_error_that_shows_it(frame: bytes) -> None:
    """Never a missing price."""
    with pytest.raises(SourceProtocolError, match="saw"):
        parse_message(frame)


@pytest.mark.parametrize("name", ["ticker", "trade"])
def test_the_recorded_old_protocol_makes_no_ticker(name: str) -> None:
    """Version 1 sends arrays, which are unreadable, and objects without a ticker."""
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
    """The digits of all 1,530 pairs of 2026 are unchanged as JSON numbers."""
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
    """With the names of the seed; names with another venue's suffix are not included."""
    with gzip.open(recorded("kraken_rest_ticker_all_20260624.json.gz")) as file:
        listed = set(json.load(file)["body"]["result"])
    ours = {one.source_symbol for one in read_seed() if one.source is Source.KRAKEN}
    assert ours
    assert ours <= listed
    assert not [pair for pair in ours if ":" in pair]


def test_kraken_has_codes_of_its_own() -> None:
    """XBT and XDG in the listing; its LUNA is LUNC elsewhere."""
    assert [v2_asset(one) for one in ("XBT", "XDG", "ETH", "AIXBT")] == ["BTC", "DOGE", "ETH", "AIXBT"]
    assert [our_asset(one) for one in ("LUNA", "LUNA2", "BTC")] == ["LUNC", "LUNA", "BTC"]


def test_the_codec_decodes_json_numbers_as_decimals() -> None:
    """The library's behaviour that the above relies on."""
    assert str(msgspec.json.decode(b"[0.10]", type=list[Decimal])[0]) == "0.10"
