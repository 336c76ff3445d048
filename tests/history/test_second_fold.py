"""Seconds close on time, and late trades correct them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.bar import Bar, bar_of, fold
from history.second_fold import CORRECTABLE_FOR, SECOND, SecondBar, SecondFold
from history.trade import Trade
from tests.history.trades import START, at, numbered_trades, trade


def fold_of(*trades: Trade) -> SecondFold:
    """Return a fold with these trades."""
    seconds = SecondFold()
    for one in trades:
        assert seconds.add(one)
    return seconds


def test_a_second_closes_at_the_first_trade_of_a_later_one() -> None:
    """The clock may say another time."""
    seconds = fold_of(trade(1, 0.5), trade(2, 0.999999), trade(3, 1))
    assert [(one.open_time, one.bar.trades) for one in seconds.take_closed()] == [(START, 2)]
    assert seconds.forming() == SecondBar(at(1), bar_of(trade(3, 1)))


def test_a_second_closes_200_ms_after_its_end_and_not_before() -> None:
    """By the clock, where no other trade comes."""
    seconds = fold_of(trade(1, 0.5))
    seconds.close_due(at(1.199999))
    assert seconds.take_closed() == []
    seconds.close_due(at(1.2))
    assert [one.open_time for one in seconds.take_closed()] == [START]
    assert seconds.forming() is None


def test_a_late_trade_makes_a_new_revision() -> None:
    """The second that it belongs to was published; the next one stays as it is."""
    seconds = fold_of(trade(1, 0.1), trade(3, 1))
    assert [one.revision for one in seconds.take_closed()] == [0]
    assert seconds.add(trade(2, 0.9, "105"))
    assert seconds.take_closed() == [SecondBar(START, combined(trade(1, 0.1), trade(2, 0.9, "105")), 1)]


def test_a_late_trade_of_a_second_without_one_makes_its_first_revision() -> None:
    """Nobody was told another value before."""
    seconds = fold_of(trade(1, 0), trade(3, 5))
    seconds.take_closed()
    assert seconds.add(trade(2, 2))
    assert [(one.open_time, one.revision) for one in seconds.take_closed()] == [(at(2), 0)]


def test_corrections_that_are_published_together_are_one_revision() -> None:
    """A revision is what somebody could have seen."""
    seconds = fold_of(trade(1, 0), trade(4, 1), trade(2, 0.1), trade(3, 0.2))
    assert [(one.bar.trades, one.revision) for one in seconds.take_closed()] == [(3, 0)]
    for number in (5, 6):
        seconds.add(trade(number, 0.3))
    assert [(one.bar.trades, one.revision) for one in seconds.take_closed()] == [(5, 1)]


def test_a_trade_after_the_clock_closed_its_second_is_a_correction() -> None:
    """It came more than 200 ms late, and no other trade came since."""
    seconds = fold_of(trade(1, 0.1))
    seconds.close_due(at(1.2))
    seconds.take_closed()
    assert seconds.add(trade(2, 0.9))
    assert [one.revision for one in seconds.take_closed()] == [1]
    assert seconds.forming() is None


def test_a_trade_that_comes_too_late_is_refused() -> None:
    """Its second may not be known any more."""
    newest = CORRECTABLE_FOR.total_seconds()
    seconds = fold_of(trade(1, 0), trade(3, newest))
    assert seconds.add(trade(2, 0))
    seconds.add(trade(4, newest + 1))
    assert not seconds.add(trade(5, 0))


@pytest.mark.slow
@given(numbered_trades(), st.data())
def test_the_last_revisions_are_the_fold_of_all_trades(trades: list[Trade], data: st.DataObject) -> None:
    """In any order, with any clock and any moments of publication."""
    order = data.draw(st.permutations(trades))
    seconds, published, refused = SecondFold(), dict[object, SecondBar](), set[object]()
    for one in order:
        if not seconds.add(one):
            refused.add(one.time.replace(microsecond=0))
        if data.draw(st.booleans()):
            seconds.close_due(one.time + 2 * SECOND)
        if data.draw(st.booleans()):
            for second in seconds.take_closed():
                known = published.get(second.open_time)
                assert second.revision == (0 if known is None else known.revision + 1)
                published[second.open_time] = second
    seconds.close_due(trades[-1].time + 2 * SECOND)
    published |= {second.open_time: second for second in seconds.take_closed()}
    for start in {one.time.replace(microsecond=0) for one in trades} - refused:
        expected = combined(*(one for one in trades if one.time.replace(microsecond=0) == start))
        assert repr(published[start].bar) == repr(expected)


def combined(*trades: Trade) -> Bar:
    """Return the bar of trades, folded the simple way."""
    bar = fold(map(bar_of, trades))
    assert bar is not None
    assert bar.volume is not None
    assert bar.volume > Decimal(0)
    return bar
