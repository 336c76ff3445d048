"""Cursors are opaque, stable, and refuse what we did not issue."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.instrument_pages import InstrumentPages, ListFilter, PageRequest
from gateway.state.position import (
    Cursor,
    StreamPosition,
    format_cursor,
    parse_cursor,
)
from instruments.instrument import Instrument
from rates.errors import InvalidCursor
from rates.source import Source
from rates.symbol import parse_symbol

HEX = st.text("0123456789abcdef", max_size=16)
POSITIONS = st.builds(StreamPosition, HEX, st.integers(0, 10**15 - 1), HEX)


@given(
    st.dictionaries(st.sampled_from(Source), POSITIONS, min_size=1), st.text("0123456789abcdef", max_size=32)
)
def test_a_position_survives_its_cursor(position: dict[Source, StreamPosition], tracked: str) -> None:
    """Reading a cursor gives back what was written into it."""
    cursor = Cursor(position, tracked)
    assert parse_cursor(format_cursor(cursor)) == cursor


@given(st.text(max_size=50))
def test_any_other_text_is_refused_with_a_domain_error(text: str) -> None:
    """Random text never crashes the reader."""
    with pytest.raises(InvalidCursor):
        parse_cursor(text)


@pytest.mark.parametrize(
    "inner",
    ["", "binance", "binance:e", "binance:e:-1", "binance:e:1x", "binance:e:1,", "@", "@xyz", "x" * 2_000],
)
def test_a_forged_cursor_is_refused(inner: str) -> None:
    """Well-encoded is not enough."""
    with pytest.raises(InvalidCursor):
        parse_cursor(base64.urlsafe_b64encode(inner.encode()).decode().rstrip("="))


def test_a_cursor_of_a_list_of_instruments_is_refused() -> None:
    """Both are encoded alike."""
    pages = InstrumentPages([Instrument(Source.BINANCE, parse_symbol("BTC/USDT"), "BTCUSDT", "Bitcoin")])
    page = pages.read(ListFilter(), PageRequest(first=1))
    with pytest.raises(InvalidCursor):
        parse_cursor(page.cursors[0])


def test_a_cursor_that_comes_again_is_not_parsed_again() -> None:
    """Subscribers that were cut off at the same moment come back with the same one."""
    text = format_cursor(Cursor({Source.BINANCE: StreamPosition("again", 7)}, "ab"))
    assert parse_cursor(text) is parse_cursor(text)
