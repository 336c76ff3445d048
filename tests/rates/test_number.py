"""Decimals keep every published digit and never show an exponent."""

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.errors import InvalidNumber
from rates.number import format_decimal, is_printable, parse_decimal


@pytest.mark.parametrize(
    ("published", "shown"),
    [
        ("61837.63000000", "61837.63000000"),
        ("3.97e-06", "0.00000397"),
        ("1E-8", "0.00000001"),
        ("1.2E+5", "120000"),
        ("0", "0"),
    ],
)
def test_numbers_are_shown_plainly_with_the_digits_that_were_published(published: str, shown: str) -> None:
    """Trailing zeros stay, exponents go."""
    assert format_decimal(parse_decimal(published)) == shown


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "sNaN", "Infinity", "-inf", "1E400", "1E-400", "1e50", "0x10"]
)
def test_what_is_no_finite_decimal_of_sane_size_is_refused(text: str) -> None:
    """An exponent of 400 would print as 400 digits."""
    with pytest.raises(InvalidNumber, match="expected a finite decimal"):
        parse_decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**29), max_value=10**29, places=12))
def test_value_and_digits_survive_text(value: Decimal) -> None:
    """Nothing is rounded on the way."""
    again = parse_decimal(format_decimal(value))
    assert again == value
    assert again.as_tuple().exponent == value.as_tuple().exponent


@given(st.text("0123456789.eE+-", max_size=56))
def test_short_plain_numbers_are_judged_as_all_others_are(text: str) -> None:
    """They are most of them, and their digits are not counted."""
    try:
        value: Decimal | None = Decimal(text)
    except InvalidOperation:
        value = None
    if value is not None and is_printable(value):
        assert parse_decimal(text) == value
    else:
        with pytest.raises(InvalidNumber):
            parse_decimal(text)
