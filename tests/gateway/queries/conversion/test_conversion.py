"""Amounts along a way of rates: exact where they can be, rounded once where they cannot."""

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.queries.conversion.conversion import DIGITS, ConversionOperation
from tests.gateway.queries.conversion.market import World, way

EXACT = Context(prec=1_000)
prices = st.decimals("0.00000001", "1e12", places=8)
amounts = st.decimals("0", "1e12", places=8)


def test_from_base_to_quote_it_multiplies_every_digit_through() -> None:
    """Nothing is rounded that fits."""
    answer = World(BTC_USDT="64000.10").convert("0.12345678", "BTC", "USDT")
    assert str(answer.result) == "7901.246265678" + "0"
    assert answer.rate == Decimal("64000.10")
    assert [(leg.operation, leg.price) for leg in answer.legs] == [
        (ConversionOperation.MULTIPLY, Decimal("64000.10"))
    ]


def test_from_quote_to_base_it_divides() -> None:
    """To 34 significant digits, half to even; exactly where that is possible."""
    world = World(BTC_USDT="3")
    assert world.convert("1", "USDT", "BTC").result == Decimal("0." + "3" * DIGITS)
    assert world.convert("2", "USDT", "BTC").result == Decimal("0." + "6" * (DIGITS - 1) + "7")
    assert str(world.convert("6", "USDT", "BTC").result) == "2"
    assert world.convert("6", "USDT", "BTC").legs[0].operation is ConversionOperation.DIVIDE


def test_over_several_legs_it_is_rounded_once() -> None:
    """Three times a third is one."""
    world = World(BTC_USDT="3", BTC_EUR="3")
    answer = world.convert("1", "USDT", "EUR")
    assert way(answer) == "USDT-BTC-EUR"
    assert (str(answer.result), str(answer.rate)) == ("1", "1")


def test_the_same_asset_is_worth_itself() -> None:
    """Without a leg, an age or a rate; only a known asset is one."""
    answer = World(BTC_USDT="3").convert("1.50", "BTC", "BTC")
    assert (str(answer.result), str(answer.rate), len(answer.legs)) == ("1.50", "1", 0)
    assert (answer.age_ms, answer.observed_at, answer.freshness.value) == (0, None, "FRESH")


def test_nothing_is_worth_nothing() -> None:
    """And a zero with a sign is a zero."""
    world = World(BTC_USDT="3")
    for zero in ("0", "-0", "0.00"):
        assert not world.convert(zero, "BTC", "USDT").result.is_signed()
        assert world.convert(zero, "USDT", "BTC").result == 0


def test_the_largest_and_the_smallest_numbers_are_converted() -> None:
    """50 digits on either side of the point, over three legs."""
    large, small = "9" * 50, "0." + "0" * 49 + "1"
    world = World(A_B=large, B_C=large, C_D=large)
    assert world.convert(large, "A", "D").result.adjusted() == 200
    assert world.convert(small, "D", "A").result.adjusted() == -200


@given(amounts, st.lists(st.tuples(prices, st.booleans()), min_size=1, max_size=3))
def test_the_result_is_the_exact_one_rounded_to_34_digits(
    amount: Decimal, legs: list[tuple[Decimal, bool]]
) -> None:
    """For either direction of the symbols."""
    world, times, by = World(), Decimal(1), Decimal(1)
    for number, (price, is_turned) in enumerate(legs):
        one, other = f"A{number}", f"A{number + 1}"
        if is_turned:
            world.tell(f"{other}/{one}", price)
            by = EXACT.multiply(by, price)
        else:
            world.tell(f"{one}/{other}", price)
            times = EXACT.multiply(times, price)
    answer = world.convert(amount, "A0", f"A{len(legs)}")
    exact = EXACT.divide(EXACT.multiply(amount, times), by)
    assert answer.result == Context(prec=DIGITS).plus(exact)
    assert answer.rate == Context(prec=DIGITS).plus(EXACT.divide(times, by))


@pytest.mark.slow
@given(amounts, prices, prices)
def test_there_and_back_is_where_it_began(amount: Decimal, one: Decimal, other: Decimal) -> None:
    """Up to the last of 34 digits."""
    world = World(BTC_USDT=str(one), BTC_EUR=str(other))
    there = world.convert(amount, "USDT", "EUR").result
    back = world.convert(there, "EUR", "USDT").result
    assert abs(EXACT.subtract(back, amount)) <= amount * Decimal("1e-32")


@given(amounts, st.integers(0, 1_000), prices)
def test_twice_the_amount_is_twice_the_result(amount: Decimal, times: int, price: Decimal) -> None:
    """The rate does not depend on the amount."""
    world = World(BTC_USDT=str(price))
    one, many = (world.convert(each, "USDT", "BTC") for each in (amount, amount * times))
    assert one.rate == many.rate
    expected = EXACT.multiply(one.result, Decimal(times))
    assert abs(EXACT.subtract(many.result, expected)) <= many.result * Decimal("1e-32")
