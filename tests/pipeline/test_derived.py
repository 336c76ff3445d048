"""The derived change in per cent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.derived import change_percent

PRICES = st.decimals(
    min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 9, allow_nan=False, places=8
).filter(bool)


@pytest.mark.parametrize(
    ("price", "opening", "expected"),
    [
        ("110", "100", "10.0000"),
        ("90", "100", "-10.0000"),
        ("100", "100", "0.0000"),
        ("1", "3", "-66.6667"),
        # Half to even, in both directions.
        ("1.0000005", "1", "0.0000"),
        ("1.0000015", "1", "0.0002"),
    ],
)
def test_the_change_is_rounded_half_to_even_to_four_places(price: str, opening: str, expected: str) -> None:
    """From exact operands; the quotient is rounded once."""
    assert str(change_percent(Decimal(price), Decimal(opening))) == expected


def test_without_an_opening_price_there_is_no_change() -> None:
    """Zero stands for none."""
    assert change_percent(Decimal(1), None) is None
    assert change_percent(Decimal(1), Decimal(0)) is None
    assert change_percent(Decimal("NaN"), Decimal(1)) is None
    assert change_percent(Decimal(10) ** 30, Decimal(10) ** -30) is None


@given(PRICES, PRICES)
def test_the_change_is_the_nearest_one_with_four_places(price: Decimal, opening: Decimal) -> None:
    """No other number of four places is closer to the exact quotient."""
    made = change_percent(price, opening)
    assert made is not None
    # made · opening - 100 · (price - opening) is at most half a unit of the last place times opening.
    assert abs(made * opening - 100 * (price - opening)) <= Decimal("0.00005") * opening
