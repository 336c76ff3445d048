"""Bars are exact, and any way of folding the same trades gives the same bar."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.bar import Bar, BarBuilder, bar_of, fold, merge
from history.trade import Trade
from tests.history.trades import numbered_trades, trade


@given(numbered_trades())
def test_a_bar_is_the_exact_sum_of_its_trades(trades: list[Trade]) -> None:
    """Open, high, low, close, volume, quote volume and count, computed with fractions."""
    bar = fold(map(bar_of, trades))
    assert bar is not None
    assert (bar.open, bar.close) == (trades[0].price, trades[-1].price)
    assert bar.high == max(one.price for one in trades)
    assert bar.low == min(one.price for one in trades)
    assert Fraction(bar.volume or 0) == sum(Fraction(one.quantity) for one in trades)
    assert bar.quote_volume is not None
    assert Fraction(bar.quote_volume) == sum(Fraction(one.price) * Fraction(one.quantity) for one in trades)
    assert (bar.trades, bar.first_id, bar.last_id) == (len(trades), 1, len(trades))


@pytest.mark.slow
@given(numbered_trades(), st.data())
def test_folding_is_associative(trades: list[Trade], data: st.DataObject) -> None:
    """Bars of any neighbouring groups fold to the bar of all trades, digit for digit."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(trades)))) | {0, len(trades)})
    groups = [trades[start:end] for start, end in pairwise(cuts)]
    bars = [bar for group in groups if (bar := fold(map(bar_of, group))) is not None]
    right = reduce(lambda later, earlier: merge(earlier, later), reversed(bars))
    assert spelled(fold(bars)) == spelled(right) == spelled(fold(map(bar_of, trades)))


@pytest.mark.slow
@given(numbered_trades(), st.randoms())
def test_numbered_trades_fold_to_the_same_bar_in_any_order(trades: list[Trade], random: object) -> None:
    """A late trade may be the first or the last one by its time and number."""
    shuffled = list(trades)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' own Random
    assert spelled(fold(map(bar_of, shuffled))) == spelled(fold(map(bar_of, trades)))


@pytest.mark.slow
@given(numbered_trades(), st.randoms())
def test_a_builder_equals_merging(trades: list[Trade], random: object) -> None:
    """The fast way gives what the simple one gives, in any order."""
    shuffled = list(trades)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' own Random
    builder = BarBuilder(shuffled[0])
    for one in shuffled[1:]:
        builder.add(one)
    assert spelled(builder.bar()) == spelled(fold(map(bar_of, shuffled)))


def test_trades_without_numbers_at_one_time_keep_the_order_of_their_arrival() -> None:
    """Bybit's ids are no numbers, and several trades of one order have one time."""
    bar = fold(map(bar_of, [trade("b", 0, "1"), trade("c", 0, "2"), trade("a", 0, "3")]))
    assert bar is not None
    assert (bar.open, bar.close, bar.first_id, bar.last_id) == (Decimal(1), Decimal(3), "b", "a")


def test_a_trade_that_sums_up_several_counts_as_all_of_them() -> None:
    """OKX reports the trades of one order at one price as one, with the last number."""
    bar = bar_of(trade(12, 0, count=3))
    assert (bar.trades, bar.first_id, bar.last_id) == (3, 10, 12)


def test_the_mean_price_is_weighted_by_volume_and_has_18_digits() -> None:
    """One at 100 and two at 101; nothing where no volume is."""
    bar = fold(map(bar_of, [trade(1, 0, "100"), trade(2, 0, "101", "2")]))
    assert bar is not None
    assert bar.vwap == Decimal("100.666666666666667")
    assert msgspec.structs.replace(bar, volume=Decimal(0)).vwap is None


@pytest.mark.parametrize("digits", ["123456789012345.000000000000000001", "0.00000000000000000001"])
def test_long_numbers_are_not_rounded(digits: str) -> None:
    """A sum of numbers that 28 digits, Python's default, do not hold."""
    bar = fold(
        map(bar_of, [trade(1, 0, digits, "98765432109876.123456789"), trade(2, 1, digits, "0.000000000001")])
    )
    assert bar is not None
    quantity = Fraction("98765432109876.123456789") + Fraction("0.000000000001")
    assert Fraction(bar.volume or 0) == quantity
    assert bar.quote_volume is not None
    assert Fraction(bar.quote_volume) == quantity * Fraction(digits)
    assert bar.last_at - bar.first_at == timedelta(seconds=1)


def spelled(bar: Bar | None) -> str:
    """Return all fields with all digits: Decimals of one value may differ in their places."""
    return repr(bar)
