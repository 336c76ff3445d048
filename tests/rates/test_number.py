"""Decimals keep all published digits and print without an exponent."""

from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.errors import InvalidNumber
from rates.number import format_decimal, is_printable, parse_decimal


@pytest.mark.parametrize(
    ("published", "printed"),
    [
        ("61837.63000000", "61837.63000000"),
        ("3.97e-06", "0.00000397"),
        ("1E-8", "0.00000001"),
        ("1.2E+5", "120000"),
        ("0", "0"),
    ],
)
def test_numbers_print_in_plain_notation_with_all_published_digits(published: str, printed: str) -> None:
    """Trailing zeros stay; exponents are expanded."""
    assert format_decimal(parse_decimal(published)) == printed


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "sNaN", "Infinity", "-inf", "1E400", "1E-400", "1e50", "0x10"]
)
def test_non_finite_and_oversized_numbers_are_rejected(text: str) -> None:
    """They raise `InvalidNumber`: 1E400 would print as 400 digits."""
    with pytest.raises(InvalidNumber, match="expected a finite decimal"):
        parse_decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**29), max_value=10**29, places=12))
def test_formatting_and_parsing_round_trip(value: Decimal) -> None:
    """Value and exponent are unchanged."""
    again = parse_decimal(format_decimal(value))
    assert again == value
    assert again.as_tuple().exponent == value.as_tuple().exponent


@given(st.text("0123456789.eE+-", max_size=56))
def test_the_fast_path_for_short_numbers_agrees_with_the_full_check(text: str) -> None:
    """`parse_decimal` accepts a short number exactly if `is_printable` does."""
    try:
        value: Decimal | None = Decimal(text)
    except InvalidOperation:
        value = None
    if value is not None and is_printable(value):
        assert parse_decimal(text) == value
    else:
        with pytest.raises(InvalidNumber):
            parse_decimal(text)


@given(digits=st.integers(0, 10**60), exponent=st.integers(-70, 70), is_negative=st.booleans())
def test_numbers_of_up_to_fifty_digits_a_side_are_printable(
    digits: int, exponent: int, *, is_negative: bool
) -> None:
    """The quick check of short numbers says the same as the look at the digits."""
    value = Decimal((int(is_negative), tuple(map(int, str(digits))), exponent))
    assert is_printable(value) == (exponent >= -50 and value.adjusted() < 50)
