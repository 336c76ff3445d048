"""Parsing of symbols, and the error messages for invalid ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.errors import InvalidSymbol
from rates.symbol import Symbol, parse_symbol

# The language of [A-Z0-9]{1,20}; a strategy of the expression itself takes ten times as long.
ASSETS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)


@given(base=ASSETS, quote=ASSETS)
def test_printing_and_parsing_round_trip(base: str, quote: str) -> None:
    """Parsing a printed symbol returns an equal symbol."""
    assert parse_symbol(str(Symbol(base, quote))) == Symbol(base, quote)


@pytest.mark.parametrize("text", ["1000SATS/USDT", "币安人生/USDT", "AAVE.D/USD", "A/B"])
def test_asset_codes_of_real_exchanges_are_valid(text: str) -> None:
    """Exchanges list assets with digits, dots and non-ASCII letters."""
    assert str(parse_symbol(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "BTC",
        "BTC/",
        "/USDT",
        "BTC/USDT/X",
        "btc/usdt",
        "BTC USDT",
        " BTC/USDT",
        "BTC/USDT\n",
        "BTC:X/USDT",
        "{BTC}/USDT",
        "A" * 21 + "/USDT",
        "_A/USDT",
        "BTC/US\x00DT",
    ],
)
def test_invalid_symbols_are_rejected_with_a_clear_message(text: str) -> None:
    """The message gives the text seen and the form expected."""
    with pytest.raises(InvalidSymbol, match="expected BASE/QUOTE") as rejected:
        parse_symbol(text)
    assert repr(text[:60]) in str(rejected.value)


@pytest.mark.parametrize("text", ["btc/usdt", "BTC-USDT", "btc_usdt", " BTC/USDT "])
def test_the_error_suggests_the_probable_symbol(text: str) -> None:
    """It corrects case and separator, the usual mistakes."""
    with pytest.raises(InvalidSymbol, match="did you mean BTC/USDT"):
        parse_symbol(text)
