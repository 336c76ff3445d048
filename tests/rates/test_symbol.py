"""Symbols: what is one, what is not, and what the refusal says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.errors import InvalidSymbol
from rates.symbol import Symbol, parse_symbol

ASSETS = st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True)


@given(base=ASSETS, quote=ASSETS)
def test_what_is_printed_is_read_back(base: str, quote: str) -> None:
    """Printing and parsing are inverse."""
    assert parse_symbol(str(Symbol(base, quote))) == Symbol(base, quote)


@pytest.mark.parametrize("text", ["1000SATS/USDT", "币安人生/USDT", "AAVE.D/USD", "A/B"])
def test_the_spellings_that_exchanges_use_are_symbols(text: str) -> None:
    """Digits, dots and non-ASCII assets exist on real exchanges."""
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
def test_anything_else_is_refused_with_what_was_seen_and_expected(text: str) -> None:
    """The message names both."""
    with pytest.raises(InvalidSymbol, match="expected BASE/QUOTE") as refusal:
        parse_symbol(text)
    assert repr(text[:60]) in str(refusal.value)


@pytest.mark.parametrize("text", ["btc/usdt", "BTC-USDT", "btc_usdt", " BTC/USDT "])
def test_a_near_miss_is_told_the_symbol_it_probably_meant(text: str) -> None:
    """Case and separator are the usual slips."""
    with pytest.raises(InvalidSymbol, match="did you mean BTC/USDT"):
        parse_symbol(text)
