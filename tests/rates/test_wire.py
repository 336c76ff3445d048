"""Encoding and decoding of the Redis formats round-trip; malformed data is rejected."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.clock import format_us, parse_us
from rates.errors import MalformedTicker
from rates.health import CallBudgetState, HistoryReport, LinkState, SourceReport
from rates.report_wire import decode_report, encode_report
from rates.source import ObservedAtOrigin, Source
from rates.symbol import Symbol
from rates.ticker import Ticker
from rates.wire import decode_cached, decode_changes, encode_ticker

MOMENTS = st.integers(0, 10**16).map(parse_us)
PRICES = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("1e-12"), max_value=10**12, places=12
)
OPTIONAL = st.none() | PRICES
ASSETS = st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True)
TICKERS = st.builds(
    Ticker,
    source=st.just(Source.BINANCE),
    symbol=st.builds(Symbol, ASSETS, ASSETS),
    price=PRICES,
    observed_at=MOMENTS,
    observed_at_origin=st.sampled_from(ObservedAtOrigin),
    received_at=MOMENTS,
    sequence=st.integers(0, 2**53 - 1),
    bid=OPTIONAL,
    ask=OPTIONAL,
    change_percent_24h=OPTIONAL,
    high_24h=OPTIONAL,
    low_24h=OPTIONAL,
    volume_24h=OPTIONAL,
    simulated=st.booleans(),
)


@given(TICKERS)
def test_tickers_round_trip(ticker: Ticker) -> None:
    """All fields, digits and microseconds are preserved."""
    again = decode_cached(encode_ticker(ticker)).ticker
    assert again == ticker
    assert encode_ticker(again) == encode_ticker(ticker)


def encode_changes(epoch: str, seq: int, encoded_tickers: list[bytes]) -> bytes:
    """Build a changes message as `cache/write.lua` does."""
    return b'{"epoch":"%b","seq":%d,"tickers":[%b]}' % (epoch.encode(), seq, b",".join(encoded_tickers))


def test_each_field_keeps_its_name() -> None:
    """All of them have different values, so that none can be taken for another."""
    numbers = {
        name: Decimal(number)
        for number, name in enumerate(
            (
                *("price", "bid", "ask", "bid_size", "ask_size", "open_24h", "change_percent_24h"),
                *("high_24h", "low_24h", "volume_24h", "quote_volume_24h"),
            ),
            start=1,
        )
    }
    times = {
        name: parse_us(number)
        for number, name in enumerate(
            ("observed_at", "received_at", "quoted_at", "last_trade_at"), start=1_796_000_000_000_000
        )
    }
    counts = {"sequence": 7, "merged": 8}
    ticker = Ticker(
        source=Source.BINANCE,
        symbol=Symbol("BTC", "USDT"),
        observed_at_origin=ObservedAtOrigin.RECEIVED,
        simulated=True,
        **numbers,  # type: ignore[arg-type]
        **times,  # type: ignore[arg-type]
        **counts,  # type: ignore[arg-type]
    )
    expected: dict[str, object] = {name: str(value) for name, value in numbers.items()}
    expected |= {f"{name}_us": format_us(value) for name, value in times.items()}
    expected |= {
        "source": "binance",
        "symbol": "BTC/USDT",
        "observed_at_origin": "RECEIVED",
        "simulated": True,
    }
    encoded = encode_ticker(ticker)
    assert json.loads(encoded) == expected | counts
    assert decode_cached(encoded).ticker == ticker


@pytest.mark.slow
@given(st.lists(TICKERS, max_size=4), st.integers(0, 2**53))
def test_changes_round_trip(tickers: list[Ticker], seq: int) -> None:
    """A message spliced from encoded tickers decodes to the same tickers."""
    changes = decode_changes(
        Source.BINANCE, encode_changes("e1", seq, [encode_ticker(ticker) for ticker in tickers])
    )
    assert (changes.epoch, changes.seq, list(changes.tickers)) == ("e1", seq, tickers)


def test_reports_round_trip() -> None:
    """Including the call budget, silent symbols, and the figures of the history."""
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    report = SourceReport(
        source=Source.COINGECKO,
        instance="consumer-1",
        role="consumer",
        state=LinkState.RATE_LIMITED,
        reason="429",
        refused=3,
        reconnects=1,
        reported_at=now,
        budget=CallBudgetState(30, 0, now + timedelta(seconds=57)),
        silent=(Symbol("BTC", "USD"), Symbol("ETH", "USD")),
        silent_count=70,
        announcement="maintenance tomorrow",
        cache_error="Redis: full",
        history=HistoryReport(1, 2, 3, now, 4, 5, 6, 7),
    )
    assert decode_report(encode_report(report)) == report


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"\xff",
        b'{"source":"binance"}',
        b'{"source":"nasdaq","symbol":"A/B","price":"1","observed_at_us":1,"observed_at_origin":"SOURCE","received_at_us":1}',
        b'{"source":"binance","symbol":"a/b","price":"1","observed_at_us":1,"observed_at_origin":"SOURCE","received_at_us":1}',
        b'{"source":"binance","symbol":"A/B","price":"NaN","observed_at_us":1,"observed_at_origin":"SOURCE","received_at_us":1}',
        b'{"source":"binance","symbol":"A/B","price":1.5,"observed_at_us":1,"observed_at_origin":"SOURCE","received_at_us":1}',
        b'{"source":"binance","symbol":"A/B","price":"1","observed_at_us":999999999999999999,"observed_at_origin":"SOURCE","received_at_us":1}',
    ],
)
def test_malformed_tickers_are_rejected_with_a_clear_message(data: bytes) -> None:
    """They raise `MalformedTicker`, never an error of the codec."""
    with pytest.raises(MalformedTicker, match="expected a ticker, saw"):
        decode_cached(data)


def test_changes_with_tickers_of_another_source_are_rejected() -> None:
    """A channel carries the tickers of its own source only."""
    ticker = Ticker(
        source=Source.BINANCE,
        symbol=Symbol("BTC", "USDT"),
        price=Decimal(1),
        observed_at=parse_us(1),
        observed_at_origin=ObservedAtOrigin.SOURCE,
        received_at=parse_us(1),
    )
    with pytest.raises(MalformedTicker, match="of coingecko only"):
        decode_changes(Source.COINGECKO, encode_changes("e", 1, [encode_ticker(ticker)]))


@given(MOMENTS)
def test_datetimes_round_trip_as_microseconds(moment: datetime) -> None:
    """No precision is lost, because the conversion uses integers only."""
    assert parse_us(format_us(moment)) == moment
